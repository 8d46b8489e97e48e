/// What a remoting request asks for. Names are Apache's in lowerCamelCase.
package struct RequestCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: Int32

    /// Wraps a number from the wire, known or not.
    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// SEND_MESSAGE
    package static let sendMessage = RequestCode(rawValue: 10)
    /// PULL_MESSAGE
    package static let pullMessage = RequestCode(rawValue: 11)
    /// QUERY_MESSAGE
    package static let queryMessage = RequestCode(rawValue: 12)
    /// QUERY_BROKER_OFFSET
    package static let queryBrokerOffset = RequestCode(rawValue: 13)
    /// QUERY_CONSUMER_OFFSET
    package static let queryConsumerOffset = RequestCode(rawValue: 14)
    /// UPDATE_CONSUMER_OFFSET
    package static let updateConsumerOffset = RequestCode(rawValue: 15)
    /// UPDATE_AND_CREATE_TOPIC
    package static let updateAndCreateTopic = RequestCode(rawValue: 17)
    /// UPDATE_AND_CREATE_TOPIC_LIST
    package static let updateAndCreateTopicList = RequestCode(rawValue: 18)
    /// GET_ALL_TOPIC_CONFIG
    package static let getAllTopicConfig = RequestCode(rawValue: 21)
    /// GET_TOPIC_CONFIG_LIST
    package static let getTopicConfigList = RequestCode(rawValue: 22)
    /// GET_TOPIC_NAME_LIST
    package static let getTopicNameList = RequestCode(rawValue: 23)
    /// UPDATE_BROKER_CONFIG
    package static let updateBrokerConfig = RequestCode(rawValue: 25)
    /// GET_BROKER_CONFIG
    package static let getBrokerConfig = RequestCode(rawValue: 26)
    /// TRIGGER_DELETE_FILES
    package static let triggerDeleteFiles = RequestCode(rawValue: 27)
    /// GET_BROKER_RUNTIME_INFO
    package static let getBrokerRuntimeInfo = RequestCode(rawValue: 28)
    /// SEARCH_OFFSET_BY_TIMESTAMP
    package static let searchOffsetByTimestamp = RequestCode(rawValue: 29)
    /// GET_MAX_OFFSET
    package static let getMaxOffset = RequestCode(rawValue: 30)
    /// GET_MIN_OFFSET
    package static let getMinOffset = RequestCode(rawValue: 31)
    /// GET_EARLIEST_MSG_STORETIME
    package static let getEarliestMsgStoretime = RequestCode(rawValue: 32)
    /// VIEW_MESSAGE_BY_ID
    package static let viewMessageById = RequestCode(rawValue: 33)
    /// HEART_BEAT
    package static let heartBeat = RequestCode(rawValue: 34)
    /// UNREGISTER_CLIENT
    package static let unregisterClient = RequestCode(rawValue: 35)
    /// CONSUMER_SEND_MSG_BACK
    package static let consumerSendMsgBack = RequestCode(rawValue: 36)
    /// END_TRANSACTION
    package static let endTransaction = RequestCode(rawValue: 37)
    /// GET_CONSUMER_LIST_BY_GROUP
    package static let getConsumerListByGroup = RequestCode(rawValue: 38)
    /// CHECK_TRANSACTION_STATE
    package static let checkTransactionState = RequestCode(rawValue: 39)
    /// NOTIFY_CONSUMER_IDS_CHANGED
    package static let notifyConsumerIdsChanged = RequestCode(rawValue: 40)
    /// LOCK_BATCH_MQ
    package static let lockBatchMq = RequestCode(rawValue: 41)
    /// UNLOCK_BATCH_MQ
    package static let unlockBatchMq = RequestCode(rawValue: 42)
    /// GET_ALL_CONSUMER_OFFSET
    package static let getAllConsumerOffset = RequestCode(rawValue: 43)
    /// GET_ALL_DELAY_OFFSET
    package static let getAllDelayOffset = RequestCode(rawValue: 45)
    /// CHECK_CLIENT_CONFIG
    package static let checkClientConfig = RequestCode(rawValue: 46)
    /// GET_CLIENT_CONFIG
    package static let getClientConfig = RequestCode(rawValue: 47)
    /// UPDATE_AND_CREATE_ACL_CONFIG
    package static let updateAndCreateAclConfig = RequestCode(rawValue: 50)
    /// DELETE_ACL_CONFIG
    package static let deleteAclConfig = RequestCode(rawValue: 51)
    /// GET_BROKER_CLUSTER_ACL_INFO
    package static let getBrokerClusterAclInfo = RequestCode(rawValue: 52)
    /// UPDATE_GLOBAL_WHITE_ADDRS_CONFIG
    package static let updateGlobalWhiteAddrsConfig = RequestCode(rawValue: 53)
    /// GET_BROKER_CLUSTER_ACL_CONFIG
    package static let getBrokerClusterAclConfig = RequestCode(rawValue: 54)
    /// GET_TIMER_CHECK_POINT
    package static let getTimerCheckPoint = RequestCode(rawValue: 60)
    /// GET_TIMER_METRICS
    package static let getTimerMetrics = RequestCode(rawValue: 61)
    /// PUT_KV_CONFIG
    package static let putKvConfig = RequestCode(rawValue: 100)
    /// GET_KV_CONFIG
    package static let getKvConfig = RequestCode(rawValue: 101)
    /// DELETE_KV_CONFIG
    package static let deleteKvConfig = RequestCode(rawValue: 102)
    /// REGISTER_BROKER
    package static let registerBroker = RequestCode(rawValue: 103)
    /// UNREGISTER_BROKER
    package static let unregisterBroker = RequestCode(rawValue: 104)
    /// GET_ROUTEINFO_BY_TOPIC
    package static let getRouteinfoByTopic = RequestCode(rawValue: 105)
    /// GET_BROKER_CLUSTER_INFO
    package static let getBrokerClusterInfo = RequestCode(rawValue: 106)
    /// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP
    package static let updateAndCreateSubscriptiongroup = RequestCode(rawValue: 200)
    /// GET_ALL_SUBSCRIPTIONGROUP_CONFIG
    package static let getAllSubscriptiongroupConfig = RequestCode(rawValue: 201)
    /// GET_TOPIC_STATS_INFO
    package static let getTopicStatsInfo = RequestCode(rawValue: 202)
    /// GET_CONSUMER_CONNECTION_LIST
    package static let getConsumerConnectionList = RequestCode(rawValue: 203)
    /// GET_PRODUCER_CONNECTION_LIST
    package static let getProducerConnectionList = RequestCode(rawValue: 204)
    /// WIPE_WRITE_PERM_OF_BROKER
    package static let wipeWritePermOfBroker = RequestCode(rawValue: 205)
    /// GET_ALL_TOPIC_LIST_FROM_NAMESERVER
    package static let getAllTopicListFromNameserver = RequestCode(rawValue: 206)
    /// DELETE_SUBSCRIPTIONGROUP
    package static let deleteSubscriptiongroup = RequestCode(rawValue: 207)
    /// GET_CONSUME_STATS
    package static let getConsumeStats = RequestCode(rawValue: 208)
    /// SUSPEND_CONSUMER
    package static let suspendConsumer = RequestCode(rawValue: 209)
    /// RESUME_CONSUMER
    package static let resumeConsumer = RequestCode(rawValue: 210)
    /// RESET_CONSUMER_OFFSET_IN_CONSUMER
    package static let resetConsumerOffsetInConsumer = RequestCode(rawValue: 211)
    /// RESET_CONSUMER_OFFSET_IN_BROKER
    package static let resetConsumerOffsetInBroker = RequestCode(rawValue: 212)
    /// ADJUST_CONSUMER_THREAD_POOL
    package static let adjustConsumerThreadPool = RequestCode(rawValue: 213)
    /// WHO_CONSUME_THE_MESSAGE
    package static let whoConsumeTheMessage = RequestCode(rawValue: 214)
    /// DELETE_TOPIC_IN_BROKER
    package static let deleteTopicInBroker = RequestCode(rawValue: 215)
    /// DELETE_TOPIC_IN_NAMESRV
    package static let deleteTopicInNamesrv = RequestCode(rawValue: 216)
    /// REGISTER_TOPIC_IN_NAMESRV
    package static let registerTopicInNamesrv = RequestCode(rawValue: 217)
    /// GET_KVLIST_BY_NAMESPACE
    package static let getKvlistByNamespace = RequestCode(rawValue: 219)
    /// RESET_CONSUMER_CLIENT_OFFSET
    package static let resetConsumerClientOffset = RequestCode(rawValue: 220)
    /// GET_CONSUMER_STATUS_FROM_CLIENT
    package static let getConsumerStatusFromClient = RequestCode(rawValue: 221)
    /// INVOKE_BROKER_TO_RESET_OFFSET
    package static let invokeBrokerToResetOffset = RequestCode(rawValue: 222)
    /// INVOKE_BROKER_TO_GET_CONSUMER_STATUS
    package static let invokeBrokerToGetConsumerStatus = RequestCode(rawValue: 223)
    /// GET_TOPICS_BY_CLUSTER
    package static let getTopicsByCluster = RequestCode(rawValue: 224)
    /// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST
    package static let updateAndCreateSubscriptiongroupList = RequestCode(rawValue: 225)
    /// QUERY_TOPIC_CONSUME_BY_WHO
    package static let queryTopicConsumeByWho = RequestCode(rawValue: 300)
    /// REGISTER_FILTER_SERVER
    package static let registerFilterServer = RequestCode(rawValue: 301)
    /// REGISTER_MESSAGE_FILTER_CLASS
    package static let registerMessageFilterClass = RequestCode(rawValue: 302)
    /// QUERY_CONSUME_TIME_SPAN
    package static let queryConsumeTimeSpan = RequestCode(rawValue: 303)
    /// GET_SYSTEM_TOPIC_LIST_FROM_NS
    package static let getSystemTopicListFromNs = RequestCode(rawValue: 304)
    /// GET_SYSTEM_TOPIC_LIST_FROM_BROKER
    package static let getSystemTopicListFromBroker = RequestCode(rawValue: 305)
    /// CLEAN_EXPIRED_CONSUMEQUEUE
    package static let cleanExpiredConsumequeue = RequestCode(rawValue: 306)
    /// GET_CONSUMER_RUNNING_INFO
    package static let getConsumerRunningInfo = RequestCode(rawValue: 307)
    /// QUERY_CORRECTION_OFFSET
    package static let queryCorrectionOffset = RequestCode(rawValue: 308)
    /// CONSUME_MESSAGE_DIRECTLY
    package static let consumeMessageDirectly = RequestCode(rawValue: 309)
    /// SEND_MESSAGE_V2
    package static let sendMessageV2 = RequestCode(rawValue: 310)
    /// GET_UNIT_TOPIC_LIST
    package static let getUnitTopicList = RequestCode(rawValue: 311)
    /// GET_HAS_UNIT_SUB_TOPIC_LIST
    package static let getHasUnitSubTopicList = RequestCode(rawValue: 312)
    /// GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST
    package static let getHasUnitSubUnunitTopicList = RequestCode(rawValue: 313)
    /// CLONE_GROUP_OFFSET
    package static let cloneGroupOffset = RequestCode(rawValue: 314)
    /// VIEW_BROKER_STATS_DATA
    package static let viewBrokerStatsData = RequestCode(rawValue: 315)
    /// CLEAN_UNUSED_TOPIC
    package static let cleanUnusedTopic = RequestCode(rawValue: 316)
    /// GET_BROKER_CONSUME_STATS
    package static let getBrokerConsumeStats = RequestCode(rawValue: 317)
    /// UPDATE_NAMESRV_CONFIG
    package static let updateNamesrvConfig = RequestCode(rawValue: 318)
    /// GET_NAMESRV_CONFIG
    package static let getNamesrvConfig = RequestCode(rawValue: 319)
    /// SEND_BATCH_MESSAGE
    package static let sendBatchMessage = RequestCode(rawValue: 320)
    /// QUERY_CONSUME_QUEUE
    package static let queryConsumeQueue = RequestCode(rawValue: 321)
    /// QUERY_DATA_VERSION
    package static let queryDataVersion = RequestCode(rawValue: 322)
    /// RESUME_CHECK_HALF_MESSAGE
    package static let resumeCheckHalfMessage = RequestCode(rawValue: 323)
    /// SEND_REPLY_MESSAGE
    package static let sendReplyMessage = RequestCode(rawValue: 324)
    /// SEND_REPLY_MESSAGE_V2
    package static let sendReplyMessageV2 = RequestCode(rawValue: 325)
    /// PUSH_REPLY_MESSAGE_TO_CLIENT
    package static let pushReplyMessageToClient = RequestCode(rawValue: 326)
    /// ADD_WRITE_PERM_OF_BROKER
    package static let addWritePermOfBroker = RequestCode(rawValue: 327)
    /// GET_ALL_PRODUCER_INFO
    package static let getAllProducerInfo = RequestCode(rawValue: 328)
    /// DELETE_EXPIRED_COMMITLOG
    package static let deleteExpiredCommitlog = RequestCode(rawValue: 329)
    /// QUERY_TOPICS_BY_CONSUMER
    package static let queryTopicsByConsumer = RequestCode(rawValue: 343)
    /// QUERY_SUBSCRIPTION_BY_CONSUMER
    package static let querySubscriptionByConsumer = RequestCode(rawValue: 345)
    /// GET_TOPIC_CONFIG
    package static let getTopicConfig = RequestCode(rawValue: 351)
    /// GET_SUBSCRIPTIONGROUP_CONFIG
    package static let getSubscriptiongroupConfig = RequestCode(rawValue: 352)
    /// UPDATE_AND_GET_GROUP_FORBIDDEN
    package static let updateAndGetGroupForbidden = RequestCode(rawValue: 353)
    /// CHECK_ROCKSDB_CQ_WRITE_PROGRESS
    package static let checkRocksdbCqWriteProgress = RequestCode(rawValue: 354)
    /// EXPORT_ROCKSDB_CONFIG_TO_JSON
    package static let exportRocksdbConfigToJson = RequestCode(rawValue: 355)
    /// LITE_PULL_MESSAGE
    package static let litePullMessage = RequestCode(rawValue: 361)
    /// RECALL_MESSAGE
    package static let recallMessage = RequestCode(rawValue: 370)
    /// QUERY_ASSIGNMENT
    package static let queryAssignment = RequestCode(rawValue: 400)
    /// SET_MESSAGE_REQUEST_MODE
    package static let setMessageRequestMode = RequestCode(rawValue: 401)
    /// GET_ALL_MESSAGE_REQUEST_MODE
    package static let getAllMessageRequestMode = RequestCode(rawValue: 402)
    /// UPDATE_AND_CREATE_STATIC_TOPIC
    package static let updateAndCreateStaticTopic = RequestCode(rawValue: 513)
    /// GET_BROKER_MEMBER_GROUP
    package static let getBrokerMemberGroup = RequestCode(rawValue: 901)
    /// ADD_BROKER
    package static let addBroker = RequestCode(rawValue: 902)
    /// REMOVE_BROKER
    package static let removeBroker = RequestCode(rawValue: 903)
    /// BROKER_HEARTBEAT
    package static let brokerHeartbeat = RequestCode(rawValue: 904)
    /// NOTIFY_MIN_BROKER_ID_CHANGE
    package static let notifyMinBrokerIdChange = RequestCode(rawValue: 905)
    /// EXCHANGE_BROKER_HA_INFO
    package static let exchangeBrokerHaInfo = RequestCode(rawValue: 906)
    /// GET_BROKER_HA_STATUS
    package static let getBrokerHaStatus = RequestCode(rawValue: 907)
    /// RESET_MASTER_FLUSH_OFFSET
    package static let resetMasterFlushOffset = RequestCode(rawValue: 908)
    /// CONTROLLER_ALTER_SYNC_STATE_SET
    package static let controllerAlterSyncStateSet = RequestCode(rawValue: 1001)
    /// CONTROLLER_ELECT_MASTER
    package static let controllerElectMaster = RequestCode(rawValue: 1002)
    /// CONTROLLER_REGISTER_BROKER
    package static let controllerRegisterBroker = RequestCode(rawValue: 1003)
    /// CONTROLLER_GET_REPLICA_INFO
    package static let controllerGetReplicaInfo = RequestCode(rawValue: 1004)
    /// CONTROLLER_GET_METADATA_INFO
    package static let controllerGetMetadataInfo = RequestCode(rawValue: 1005)
    /// CONTROLLER_GET_SYNC_STATE_DATA
    package static let controllerGetSyncStateData = RequestCode(rawValue: 1006)
    /// GET_BROKER_EPOCH_CACHE
    package static let getBrokerEpochCache = RequestCode(rawValue: 1007)
    /// NOTIFY_BROKER_ROLE_CHANGED
    package static let notifyBrokerRoleChanged = RequestCode(rawValue: 1008)
    /// UPDATE_CONTROLLER_CONFIG
    package static let updateControllerConfig = RequestCode(rawValue: 1009)
    /// GET_CONTROLLER_CONFIG
    package static let getControllerConfig = RequestCode(rawValue: 1010)
    /// CLEAN_BROKER_DATA
    package static let cleanBrokerData = RequestCode(rawValue: 1011)
    /// CONTROLLER_GET_NEXT_BROKER_ID
    package static let controllerGetNextBrokerId = RequestCode(rawValue: 1012)
    /// CONTROLLER_APPLY_BROKER_ID
    package static let controllerApplyBrokerId = RequestCode(rawValue: 1013)
    /// BROKER_CLOSE_CHANNEL_REQUEST
    package static let brokerCloseChannelRequest = RequestCode(rawValue: 1014)
    /// CHECK_NOT_ACTIVE_BROKER_REQUEST
    package static let checkNotActiveBrokerRequest = RequestCode(rawValue: 1015)
    /// GET_BROKER_LIVE_INFO_REQUEST
    package static let getBrokerLiveInfoRequest = RequestCode(rawValue: 1016)
    /// GET_SYNC_STATE_DATA_REQUEST
    package static let getSyncStateDataRequest = RequestCode(rawValue: 1017)
    /// RAFT_BROKER_HEART_BEAT_EVENT_REQUEST
    package static let raftBrokerHeartBeatEventRequest = RequestCode(rawValue: 1018)
    /// UPDATE_COLD_DATA_FLOW_CTR_CONFIG
    package static let updateColdDataFlowCtrConfig = RequestCode(rawValue: 2001)
    /// REMOVE_COLD_DATA_FLOW_CTR_CONFIG
    package static let removeColdDataFlowCtrConfig = RequestCode(rawValue: 2002)
    /// GET_COLD_DATA_FLOW_CTR_INFO
    package static let getColdDataFlowCtrInfo = RequestCode(rawValue: 2003)
    /// SET_COMMITLOG_READ_MODE
    package static let setCommitlogReadMode = RequestCode(rawValue: 2004)
    /// AUTH_CREATE_USER
    package static let authCreateUser = RequestCode(rawValue: 3001)
    /// AUTH_UPDATE_USER
    package static let authUpdateUser = RequestCode(rawValue: 3002)
    /// AUTH_DELETE_USER
    package static let authDeleteUser = RequestCode(rawValue: 3003)
    /// AUTH_GET_USER
    package static let authGetUser = RequestCode(rawValue: 3004)
    /// AUTH_LIST_USER
    package static let authListUser = RequestCode(rawValue: 3005)
    /// AUTH_CREATE_ACL
    package static let authCreateAcl = RequestCode(rawValue: 3006)
    /// AUTH_UPDATE_ACL
    package static let authUpdateAcl = RequestCode(rawValue: 3007)
    /// AUTH_DELETE_ACL
    package static let authDeleteAcl = RequestCode(rawValue: 3008)
    /// AUTH_GET_ACL
    package static let authGetAcl = RequestCode(rawValue: 3009)
    /// AUTH_LIST_ACL
    package static let authListAcl = RequestCode(rawValue: 3010)
    /// POP_MESSAGE
    package static let popMessage = RequestCode(rawValue: 200050)
    /// ACK_MESSAGE
    package static let ackMessage = RequestCode(rawValue: 200051)
    /// PEEK_MESSAGE
    package static let peekMessage = RequestCode(rawValue: 200052)
    /// CHANGE_MESSAGE_INVISIBLETIME
    package static let changeMessageInvisibletime = RequestCode(rawValue: 200053)
    /// NOTIFICATION
    package static let notification = RequestCode(rawValue: 200054)
    /// POLLING_INFO
    package static let pollingInfo = RequestCode(rawValue: 200055)
    /// POP_ROLLBACK
    package static let popRollback = RequestCode(rawValue: 200056)
    /// POP_LITE_MESSAGE
    package static let popLiteMessage = RequestCode(rawValue: 200070)
    /// LITE_SUBSCRIPTION_CTL
    package static let liteSubscriptionCtl = RequestCode(rawValue: 200071)
    /// NOTIFY_UNSUBSCRIBE_LITE
    package static let notifyUnsubscribeLite = RequestCode(rawValue: 200073)
    /// GET_BROKER_LITE_INFO
    package static let getBrokerLiteInfo = RequestCode(rawValue: 200074)
    /// GET_PARENT_TOPIC_INFO
    package static let getParentTopicInfo = RequestCode(rawValue: 200075)
    /// GET_LITE_TOPIC_INFO
    package static let getLiteTopicInfo = RequestCode(rawValue: 200076)
    /// GET_LITE_CLIENT_INFO
    package static let getLiteClientInfo = RequestCode(rawValue: 200077)
    /// GET_LITE_GROUP_INFO
    package static let getLiteGroupInfo = RequestCode(rawValue: 200078)
    /// TRIGGER_LITE_DISPATCH
    package static let triggerLiteDispatch = RequestCode(rawValue: 200079)
    /// BATCH_ACK_MESSAGE
    package static let batchAckMessage = RequestCode(rawValue: 200151)
    /// Ours, not Apache's: a proxy tells a broker which consumers are connected to it.
    package static let announceProxiedConsumers = RequestCode(rawValue: 900101)
    /// Ours: a replica asks its master how the log is, and which small files there are.
    package static let getReplicaState = RequestCode(rawValue: 900102)
    /// Ours: a replica asks its master for a piece of a small file.
    package static let getReplicaFile = RequestCode(rawValue: 900103)
}
