import MessageModel
import ServerSupport

extension ProxyConfiguration {
    /// Reads the keys of a configuration; what is left unread is known to Apache's proxy only, or wrong.
    package init(
        reading reader: inout ConfigurationReader
    ) throws(ConfigurationError) {
        self.init()
        try readTopology(&reader)
        try readServer(&reader)
        try readMessageLimits(&reader)
        try readReceiving(&reader)
        try readProducers(&reader)
        monitor = try MonitorSettings(&reader)
        proxyClusterName = try reader.string("proxyClusterName", default: clusterName)
        proxyName = try reader.optionalString("proxyName")
    }

    private mutating func readTopology(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        clusterName = try reader.string("rocketMQClusterName", default: clusterName)
        mode = try reader.choice("proxyMode", default: mode)
        let text = try reader.string("namesrvAddr", default: "")
        if !text.isEmpty {
            guard let list = HostPort.list(parsing: text) else {
                throw reader.invalid("namesrvAddr", "\"\(text)\" is not a list of host:port separated by semicolons")
            }
            nameServers = list
        }
        brokerConfigurationPath = try reader.optionalString("brokerConfigPath")
        brokerTimeoutMillis = Int64(
            try reader.integer("brokerTimeoutMillis", default: Int(brokerTimeoutMillis), in: 100...60_000))
    }

    private mutating func readServer(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        listenHost = try reader.string("listenAddress", default: listenHost)
        grpcPort = try reader.integer("grpcServerPort", default: grpcPort, in: 0...65_535)
        let remoting = try reader.integer("remotingListenPort", default: Self.remotingPortDefault, in: 0...65_535)
        if reader.isGiven("remotingListenPort") { remotingPort = remoting }
        remotingAdvertisedHost = try reader.optionalString("remotingAccessAddr")
        loopCount = try reader.integer("grpcWorkerLoopNum", default: loopCount, in: 0...1_024)
        drainMillisMax =
            Int64(try reader.integer("grpcShutdownTimeSeconds", default: Int(drainMillisMax / 1000), in: 0...3_600))
            * 1000
        grpcMessageBytesMax = try reader.integer(
            "grpcMaxInboundMessageSize", default: grpcMessageBytesMax, in: 1_024...1 << 30)
        connectionAgeMillisMax =
            Int64(
                try reader.integer(
                    "grpcMaxConnectionAgeSeconds", default: Int(connectionAgeMillisMax / 1000), in: 0...86_400)) * 1000
        isBatchAckEnabled = try reader.bool("enableBatchAck", default: isBatchAckEnabled)
        connectionsMax = try reader.integer("connectionsMax", default: connectionsMax, in: 1...1_000_000)
        if let text = try reader.optionalString("advertisedAddress") {
            guard let address = HostPort(parsing: text) else {
                throw reader.invalid("advertisedAddress", "\"\(text)\" is not host:port")
            }
            advertisedAddress = address
        }
        isClientPortKept = try reader.bool("useEndpointPortFromRequest", default: isClientPortKept)
        tlsCertificatePath = try reader.optionalString("tlsCertPath")
        tlsKeyPath = try reader.optionalString("tlsKeyPath")
        isTLSTestMode = try reader.bool("tlsTestModeEnable", default: tlsCertificatePath == nil)
        if !isTLSTestMode, tlsCertificatePath == nil || tlsKeyPath == nil {
            throw reader.invalid("tlsTestModeEnable", "without it both tlsCertPath and tlsKeyPath are needed")
        }
    }

    private mutating func readMessageLimits(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        messages.bodyBytesMax = try reader.integer("maxMessageSize", default: messages.bodyBytesMax, in: 0...16_000_000)
        messages.isEmptyBodyRefused = try reader.bool(
            "enableMessageBodyEmptyCheck", default: messages.isEmptyBodyRefused)
        messages.propertyBytesMax = try reader.integer(
            "maxUserPropertySize", default: messages.propertyBytesMax, in: 0...32_000)
        messages.userPropertyCountMax = try reader.integer(
            "userPropertyMaxNum", default: messages.userPropertyCountMax, in: 0...512)
        messages.messageGroupBytesBound = try reader.integer(
            "maxMessageGroupSize", default: messages.messageGroupBytesBound, in: 0...8_192)
        messages.delayMillisMax = Int64(
            try reader.integer("maxDelayTimeMills", default: Int(messages.delayMillisMax), in: 0...Int.max / 4))
        messages.transactionRecoverySecondsMax = Int64(
            try reader.integer(
                "maxTransactionRecoverySecond", default: Int(messages.transactionRecoverySecondsMax), in: 0...86_400))
        isMessageTypeChecked = try reader.bool("enableTopicMessageTypeCheck", default: isMessageTypeChecked)
    }

    private mutating func readReceiving(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        receiving.pollMillisMin = Int64(
            try reader.integer(
                "grpcClientConsumerMinLongPollingTimeoutMillis", default: Int(receiving.pollMillisMin), in: 0...60_000))
        receiving.pollMillisMax = Int64(
            try reader.integer(
                "grpcClientConsumerMaxLongPollingTimeoutMillis", default: Int(receiving.pollMillisMax), in: 1...60_000))
        if receiving.pollMillisMin > receiving.pollMillisMax {
            throw reader.invalid(
                "grpcClientConsumerMinLongPollingTimeoutMillis", "is above the longest time, \(receiving.pollMillisMax)"
            )
        }
        receiving.batchCountMax = Int32(
            try reader.integer(
                "grpcClientConsumerLongPollingBatchSize", default: Int(receiving.batchCountMax), in: 1...1_024))
        receiving.invisibleMillisMin = Int64(
            try reader.integer(
                "minInvisibleTimeMillsForRecv", default: Int(receiving.invisibleMillisMin), in: 0...43_200_000))
        receiving.invisibleMillisMax = Int64(
            try reader.integer(
                "maxInvisibleTimeMills", default: Int(receiving.invisibleMillisMax), in: 1_000...604_800_000))
        receiving.isAutoRenewEnabled = try reader.bool("enableProxyAutoRenew", default: receiving.isAutoRenewEnabled)
        liteAdditionsPerSecondMax = try reader.integer(
            "maxSyncLiteSubscriptionRate", default: liteAdditionsPerSecondMax, in: 1...1_000_000)
    }

    private mutating func readProducers(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        producerAttemptCountMax = Int32(
            try reader.integer("grpcClientProducerMaxAttempts", default: Int(producerAttemptCountMax), in: 1...100))
        producerBackoffInitialMillis = Int64(
            try reader.integer(
                "grpcClientProducerBackoffInitialMillis", default: Int(producerBackoffInitialMillis), in: 0...60_000))
        producerBackoffMaxMillis = Int64(
            try reader.integer(
                "grpcClientProducerBackoffMaxMillis", default: Int(producerBackoffMaxMillis), in: 0...600_000))
        producerBackoffMultiplier = try reader.integer(
            "grpcClientProducerBackoffMultiplier", default: producerBackoffMultiplier, in: 1...100)
    }

    /// Keys of Apache's proxy that mean nothing here; they are accepted with a warning.
    package static let ignoredKeys: Set<String> = [
        "namesrvDomain", "namesrvDomainSubgroup", "localServeAddr",
        "heartbeatSyncerTopicName", "heartbeatSyncerTopicClusterName", "heartbeatSyncerThreadPoolNums",
        "heartbeatSyncerThreadPoolQueueCapacity", "grpcBossLoopNum", "enableGrpcEpoll", "grpcThreadPoolNums",
        "grpcThreadPoolQueueCapacity", "defaultInvisibleTimeMills", "grpcClientIdleTimeMills", "channelExpiredTimeout",
        "channelExpiredInSeconds", "contextExpiredInSeconds", "grpcProxyRelayRequestTimeoutInSeconds",
        "rocketmqMQClientNum", "grpcProducerThreadPoolNums", "grpcProducerThreadQueueCapacity",
        "grpcConsumerThreadPoolNums", "grpcConsumerThreadQueueCapacity", "grpcRouteThreadPoolNums",
        "grpcRouteThreadQueueCapacity", "grpcClientManagerThreadPoolNums", "grpcClientManagerThreadQueueCapacity",
        "grpcTransactionThreadPoolNums", "grpcTransactionThreadQueueCapacity", "producerProcessorThreadPoolNums",
        "producerProcessorThreadPoolQueueCapacity", "consumerProcessorThreadPoolNums",
        "consumerProcessorThreadPoolQueueCapacity", "metadataThreadPoolNums", "metadataThreadPoolQueueCapacity",
        "transactionHeartbeatThreadPoolNums", "transactionHeartbeatThreadPoolQueueCapacity",
        "topicRouteServiceCacheExpiredSeconds", "topicRouteServiceCacheRefreshSeconds", "topicRouteServiceCacheMaxNum",
        "topicRouteServiceThreadPoolNums", "topicConfigCacheExpiredSeconds", "topicConfigCacheRefreshSeconds",
        "topicConfigCacheMaxNum", "subscriptionGroupConfigCacheExpiredSeconds",
        "subscriptionGroupConfigCacheRefreshSeconds", "subscriptionGroupConfigCacheMaxNum",
        "transactionHeartbeatPeriodSecond", "transactionHeartbeatBatchNum", "transactionDataExpireMillis",
        "transactionDataExpireScanPeriodMillis", "transactionDataMaxWaitClearMillis", "transactionDataMaxNum",
        "longPollingReserveTimeInMillis", "invisibleTimeMillisWhenClear", "maxRenewRetryTimes", "renewThreadPoolNums",
        "renewMaxThreadPoolNums", "renewThreadPoolQueueCapacity", "renewAheadTimeMillis", "renewMaxTimeMillis",
        "renewSchedulePeriodMillis", "lockTimeoutMsInHandleGroup", "useDelayLevel", "messageDelayLevel",
        "maxLiteTopicSize", "metricCollectorMode", "metricCollectorAddress", "regionId", "traceOn",
        "enableRemotingLocalProxyGrpc", "localProxyConnectTimeoutMs", "enablePrintJstack",
        "printJstackInMillis", "printThreadPoolStatusInMillis", "sendLatencyEnable", "startDetectorEnable",
        "detectTimeout", "detectInterval", "tlsCertWatchIntervalMs", "metricsInDelta",
        "metricsGrpcExporterTarget", "metricsGrpcExporterHeader", "metricGrpcExporterTimeOutInMills",
        "metricGrpcExporterIntervalInMills", "metricLoggingExporterIntervalInMills",
    ]
}
