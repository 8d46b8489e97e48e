/// Keys of Apache's `broker.conf` that are no configuration here.
enum ApacheBrokerKeys {
    /// Switches that promise something that is not there yet: refused when true.
    static let refusedWhenTrue = [
        "aclEnable", "authenticationEnabled", "authorizationEnabled", "enableControllerMode",
        "enableDLegerCommitLog", "enableSlaveActingMaster", "enableRemoteEscape", "duplicationEnable",
        "popConsumerKVServiceEnable", "coldDataFlowControlEnable",
    ]

    /// Keys that mean nothing here, such as thread pools and memory tuning: accepted with one warning line.
    static let withoutEffect = Set(withoutEffectText.split { $0 == " " || $0 == "\n" }.map(String.init))

    private static let withoutEffectText = """
        accessMessageInMemoryHotRatio accessMessageInMemoryMaxRatio accountStatsEnable accountStatsPrintZeroValues
        ackMessageThreadPoolNums ackThreadPoolQueueCapacity aclCacheExpiredSecond aclCacheMaxNum
        aclCacheRefreshSecond adminBrokerThreadPoolNums adminBrokerThreadPoolQueueCapacity allAckInSyncStateSet
        asyncLearner asyncSendEnable authConfigPath authenticationMetadataProvider authenticationProvider
        authenticationWhitelist authorizationMetadataProvider authorizationProvider authorizationWhitelist
        autoDeleteUnusedStats autoMessageVersionOnTopicLen batchDispatchRequestThreadPoolNums
        bitMapLengthConsumeQueueExt broadcastOffsetExpireMaxSecond broadcastOffsetExpireSecond brokerConfigPath
        brokerElectionPriority brokerFastFailureEnable brokerHeartbeatInterval brokerNotActiveTimeoutMillis
        brokerStatsEnable cgColdReadThreshold channelNotActiveInterval checkSyncStateSetPeriod
        cleanOfflineBrokerInterval cleanResourceInterval cleanSwapedMapInterval clientAsyncSemaphoreValue
        clientCallbackExecutorThreads clientChannelMaxIdleTimeSeconds clientCloseSocketIfTimeout
        clientManageThreadPoolNums clientManagerThreadPoolQueueCapacity clientOnewaySemaphoreValue
        clientPooledByteBufAllocatorEnable clientSocketRcvBufSize clientSocketSndBufSize clientWorkerThreads
        coldCtrStrategyEnable coldDataScanEnable commercialBaseCount commercialSizePerMsg commitCommitLogLeastPages
        commitCommitLogThoroughInterval commitIntervalCommitLog commitLogForceSwapMapInterval
        commitLogSwapMapInterval commitLogSwapMapReserveFileNum compactionCqMappedFileSize compactionMappedFileSize
        compactionScheduleInternal compactionThreadNum compatibleWithOldNameSrv compressedRegister configBlackList
        configManagerVersion connectTimeoutMillis consumerFallbehindThreshold consumerManageThreadPoolNums
        consumerManagerThreadPoolQueueCapacity consumerOffsetUpdateVersionStep controllerAddr
        controllerHeartBeatTimeoutMills correctLogicMinOffsetForceInterval correctLogicMinOffsetSleepInterval
        dLegerGroup dLegerPeers dLegerSelfId debugLockEnable
        delayOffsetUpdateVersionStep deleteCommitLogFilesInterval
        deleteConsumeQueueFilesInterval deleteFileBatchMax destroyMapedFileIntervalForcibly disableCallbackExecutor
        disableConsumeIfConsumerReadSlowly disableNettyWorkerGroup disappearTimeAfterStart diskFallRecorded
        dispatchCqCacheNum dispatchCqThreads dispatchFromSenderThread enableAcceleratedRecovery enableAsyncReput
        enableAutoInSyncReplicas enableBatchPush enableBroadcastOffsetStore enableBuildConsumeQueueConcurrently
        enableCalcFilterBitMap enableCleanExpiredOffset enableCompaction enableConsumeQueueExt enableDetailStat
        enableLitePopLog
        enableNetWorkFlowControl enableNotifyAfterPopOrderLockRelease enableNotifyBeforePopCalculateLock
        enablePopBatchAck enablePopBufferMerge enablePopLog enableRetryTopicV2 enableRocksDBLog
        enableScheduleAsyncDeliver enableScheduleMessageStats enableSingleTopicRegister enableSkipLongAwaitingAck
        enableSplitMetadata enableSplitRegistration enabledAppendPropCRC endTransactionPoolQueueCapacity
        endTransactionThreadPoolNums estimateAccumulation expectConsumerNumUseFilter fastFailIfNoBufferInStorePool
        fetchControllerAddrByDnsLookup fetchNameSrvAddrByDnsLookup fetchNamesrvAddrByAddressServer
        fetchNamesrvAddrByDnsLookup fetchNamesrvAddrInterval filterDataCleanTimeSpan filterSupportRetry
        flushCommitLogLeastPages flushCommitLogThoroughInterval flushCommitLogTimed flushConsumeQueueLeastPages
        flushConsumeQueueThoroughInterval flushConsumerOffsetHistoryInterval flushDelayOffsetInterval
        flushIntervalConsumeQueue flushLeastPagesWhenWarmMapedFile forceRegister forceVerifyPropCRC forwardTimeout
        globalColdReadThreshold haFlowControlEnable haMasterAddress haMaxTimeSlaveNotCatchup
        heartbeatThreadPoolNums heartbeatThreadPoolQueueCapacity highSpeedMode initAuthenticationUser
        initPopOffsetByCheckMsgInMem innerClientAuthenticationCredentials isBrokerContainer isEnableBatchPush
        enableLmq enableMultiDispatch isInBrokerContainer isolateLogEnable liteEventCapacityCacheTtlMs
        liteEventCheckInterval liteEventFullDispatchDelayTime liteEventFullDispatchDelayTimeForWildcardGroup
        liteLagLatencyCollectEnable liteLagLatencyTopK litePullMessageThreadPoolNums
        litePullThreadPoolQueueCapacity liteSubscriptionCheckInterval loadBalancePollNameServerInterval
        loadBalanceProcessorThreadPoolNums maxClientEventCount
        loadBalanceThreadPoolQueueCapacity lockInStrictMode logicQueueForceSwapMapInterval logicQueueSwapMapInterval
        logicQueueSwapMapReserveFileNum logicalDiskSpaceCleanForciblyThreshold
        mappedFileSizeConsumeQueueExt mappedFileSizeTimerLog mappedFileSwapEnable mapperFileSizeBatchConsumeQueue
        maxAsyncPutMessageRequests maxBatchDeleteFilesNum maxChecksumRange maxConsumeQueueScan
        maxErrorRateOfBloomFilter maxFilterMessageSize maxHaTransferByteInSecond
        maxOffsetMapSize maxRecoveryCommitlogFiles maxSlaveResendLength maxTopicLength
        maxTransferBytesOnMessageInDisk maxTransferCountOnMessageInDisk memTableFlushInterval
        messageIndexSafe messageRequestMode messageStorePlugIn metricGrpcExporterIntervalInMills
        metricGrpcExporterTimeOutInMills metricLoggingExporterIntervalInMills
        metricsGrpcExporterHeader metricsGrpcExporterTarget metricsInDelta migrateAuthFromV1Enabled minInSyncReplicas
        offsetCheckInSlave osPageCacheBusyTimeOutMills popCkMaxBufferSize popCkOffsetMaxQueueSize
        popCkStayBufferTime popCkStayBufferTimeOut popConsumerKVServiceInit popFromRetryProbability
        popPollingMapSize popResponseReturnActualRetryTopic preferredLeader processReplyMessageThreadPoolNums
        pullBatchMaxMessageCount pullMessageThreadPoolNums pullThreadPoolQueueCapacity
        putMessageFutureThreadPoolNums putMessageTimeout putMsgIndexHightWater putThreadPoolQueueCapacity
        queryMessageThreadPoolNums queryThreadPoolQueueCapacity readUnCommitted realTimeNotifyConsumerChange
        realTimePersistRocksDBConfig recheckReputOffsetFromCq recoverConcurrently
        recoverThreadPoolNums redeleteHangedFileInterval rejectPullConsumerEnable replicasPerDiskPartition
        replyThreadPoolQueueCapacity reviveAckWaitMs reviveInterval reviveMaxSlow reviveScanTime
        rmqAddressServerDomain rmqAddressServerSubGroup rocketmqHome sampleCountThreshold sampleSteps
        scheduleAsyncDeliverMaxPendingLimit scheduleAsyncDeliverMaxResendNum2Blocked searchBcqByCacheEnable
        sendHeartbeatTimeoutMillis sendMessageThreadPoolNums sendThreadPoolQueueCapacity serverAsyncSemaphoreValue
        serverCallbackExecutorThreads serverOnewaySemaphoreValue
        serverPooledByteBufAllocatorEnable serverSocketBacklog serverSocketRcvBufSize serverSocketSndBufSize
        serverWorkerThreads skipPreOnline slaveReadEnable socksProxyConfig
        splitMetadataSize splitRegistrationSize storePathDLedgerCommitLog storeType
        syncBrokerMemberGroupPeriod syncBrokerMetadataPeriod syncControllerMetadataPeriod syncFromLastFile
        syncMasterFlushOffsetWhenStartup timerCheckMetricsWhen timerColdDataCheckIntervalMs timerCongestNumEachSlot
        timerEnableCheckMetrics timerEnableDisruptor timerEnableRetryUntilSuccess timerFlushIntervalMs
        timerGetMessageThreadNum timerInterceptDelayLevel timerMetricSmallThreshold
        timerPrecisionMs timerProgressLogIntervalMs timerPutMessageThreadNum timerRollWindowSlot
        timerSkipUnknownError timerStopDequeue timerStopEnqueue timerWarmEnable timerWheelSnapshotFlush
        topicQueueLockNum totalReplicas transactionMetricFlushInterval transferMsgByHeap
        transientStorePoolEnable transientStorePoolSize travelCqFileNumWhenGetMessage updateNameServerAddrPeriod
        useEpollNativeSelector usePIDColdCtrStrategy useReentrantLockWhenPutMessage
        useStaticSubscription useTLS userCacheExpiredSecond userCacheMaxNum userCacheRefreshSecond
        waitTimeMillsInAckQueue waitTimeMillsInHeartbeatQueue waitTimeMillsInLitePullQueue waitTimeMillsInPullQueue
        waitTimeMillsInSendQueue waitTimeMillsInTransactionQueue wakeCommitWhenPutMessage wakeFlushWhenPutMessage
        warmMapedFileEnable writeBufferHighWaterMark writeBufferLowWaterMark
        """
}
