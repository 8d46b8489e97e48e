/// How a remoting request ended. Names are Apache's in lowerCamelCase.
package struct ResponseCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: Int32

    /// Wraps a number from the wire, known or not.
    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// RPC_TIME_OUT
    package static let rpcTimeOut = ResponseCode(rawValue: -1006)
    /// RPC_SEND_TO_CHANNEL_FAILED
    package static let rpcSendToChannelFailed = ResponseCode(rawValue: -1004)
    /// RPC_ADDR_IS_NULL
    package static let rpcAddrIsNull = ResponseCode(rawValue: -1002)
    /// RPC_UNKNOWN
    package static let rpcUnknown = ResponseCode(rawValue: -1000)
    /// SUCCESS
    package static let success = ResponseCode(rawValue: 0)
    /// SYSTEM_ERROR
    package static let systemError = ResponseCode(rawValue: 1)
    /// SYSTEM_BUSY
    package static let systemBusy = ResponseCode(rawValue: 2)
    /// REQUEST_CODE_NOT_SUPPORTED
    package static let requestCodeNotSupported = ResponseCode(rawValue: 3)
    /// TRANSACTION_FAILED
    package static let transactionFailed = ResponseCode(rawValue: 4)
    /// FLUSH_DISK_TIMEOUT
    package static let flushDiskTimeout = ResponseCode(rawValue: 10)
    /// SLAVE_NOT_AVAILABLE
    package static let slaveNotAvailable = ResponseCode(rawValue: 11)
    /// FLUSH_SLAVE_TIMEOUT
    package static let flushSlaveTimeout = ResponseCode(rawValue: 12)
    /// MESSAGE_ILLEGAL
    package static let messageIllegal = ResponseCode(rawValue: 13)
    /// SERVICE_NOT_AVAILABLE
    package static let serviceNotAvailable = ResponseCode(rawValue: 14)
    /// VERSION_NOT_SUPPORTED
    package static let versionNotSupported = ResponseCode(rawValue: 15)
    /// NO_PERMISSION
    package static let noPermission = ResponseCode(rawValue: 16)
    /// TOPIC_NOT_EXIST
    package static let topicNotExist = ResponseCode(rawValue: 17)
    /// TOPIC_EXIST_ALREADY
    package static let topicExistAlready = ResponseCode(rawValue: 18)
    /// PULL_NOT_FOUND
    package static let pullNotFound = ResponseCode(rawValue: 19)
    /// PULL_RETRY_IMMEDIATELY
    package static let pullRetryImmediately = ResponseCode(rawValue: 20)
    /// PULL_OFFSET_MOVED
    package static let pullOffsetMoved = ResponseCode(rawValue: 21)
    /// QUERY_NOT_FOUND
    package static let queryNotFound = ResponseCode(rawValue: 22)
    /// SUBSCRIPTION_PARSE_FAILED
    package static let subscriptionParseFailed = ResponseCode(rawValue: 23)
    /// SUBSCRIPTION_NOT_EXIST
    package static let subscriptionNotExist = ResponseCode(rawValue: 24)
    /// SUBSCRIPTION_NOT_LATEST
    package static let subscriptionNotLatest = ResponseCode(rawValue: 25)
    /// SUBSCRIPTION_GROUP_NOT_EXIST
    package static let subscriptionGroupNotExist = ResponseCode(rawValue: 26)
    /// FILTER_DATA_NOT_EXIST
    package static let filterDataNotExist = ResponseCode(rawValue: 27)
    /// FILTER_DATA_NOT_LATEST
    package static let filterDataNotLatest = ResponseCode(rawValue: 28)
    /// INVALID_PARAMETER
    package static let invalidParameter = ResponseCode(rawValue: 29)
    /// TRANSACTION_SHOULD_COMMIT
    package static let transactionShouldCommit = ResponseCode(rawValue: 200)
    /// TRANSACTION_SHOULD_ROLLBACK
    package static let transactionShouldRollback = ResponseCode(rawValue: 201)
    /// TRANSACTION_STATE_UNKNOW
    package static let transactionStateUnknow = ResponseCode(rawValue: 202)
    /// TRANSACTION_STATE_GROUP_WRONG
    package static let transactionStateGroupWrong = ResponseCode(rawValue: 203)
    /// NO_BUYER_ID
    package static let noBuyerId = ResponseCode(rawValue: 204)
    /// NOT_IN_CURRENT_UNIT
    package static let notInCurrentUnit = ResponseCode(rawValue: 205)
    /// CONSUMER_NOT_ONLINE
    package static let consumerNotOnline = ResponseCode(rawValue: 206)
    /// CONSUME_MSG_TIMEOUT
    package static let consumeMsgTimeout = ResponseCode(rawValue: 207)
    /// NO_MESSAGE
    package static let noMessage = ResponseCode(rawValue: 208)
    /// POLLING_FULL
    package static let pollingFull = ResponseCode(rawValue: 209)
    /// POLLING_TIMEOUT
    package static let pollingTimeout = ResponseCode(rawValue: 210)
    /// BROKER_NOT_EXIST
    package static let brokerNotExist = ResponseCode(rawValue: 211)
    /// BROKER_DISPATCH_NOT_COMPLETE
    package static let brokerDispatchNotComplete = ResponseCode(rawValue: 212)
    /// BROADCAST_CONSUMPTION
    package static let broadcastConsumption = ResponseCode(rawValue: 213)
    /// FLOW_CONTROL
    package static let flowControl = ResponseCode(rawValue: 215)
    /// NOT_LEADER_FOR_QUEUE
    package static let notLeaderForQueue = ResponseCode(rawValue: 501)
    /// ILLEGAL_OPERATION
    package static let illegalOperation = ResponseCode(rawValue: 604)
    /// GO_AWAY
    package static let goAway = ResponseCode(rawValue: 1500)
    /// CONTROLLER_FENCED_MASTER_EPOCH
    package static let controllerFencedMasterEpoch = ResponseCode(rawValue: 2000)
    /// CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH
    package static let controllerFencedSyncStateSetEpoch = ResponseCode(rawValue: 2001)
    /// CONTROLLER_INVALID_MASTER
    package static let controllerInvalidMaster = ResponseCode(rawValue: 2002)
    /// CONTROLLER_INVALID_REPLICAS
    package static let controllerInvalidReplicas = ResponseCode(rawValue: 2003)
    /// CONTROLLER_MASTER_NOT_AVAILABLE
    package static let controllerMasterNotAvailable = ResponseCode(rawValue: 2004)
    /// CONTROLLER_INVALID_REQUEST
    package static let controllerInvalidRequest = ResponseCode(rawValue: 2005)
    /// CONTROLLER_BROKER_NOT_ALIVE
    package static let controllerBrokerNotAlive = ResponseCode(rawValue: 2006)
    /// CONTROLLER_NOT_LEADER
    package static let controllerNotLeader = ResponseCode(rawValue: 2007)
    /// CONTROLLER_BROKER_METADATA_NOT_EXIST
    package static let controllerBrokerMetadataNotExist = ResponseCode(rawValue: 2008)
    /// CONTROLLER_INVALID_CLEAN_BROKER_METADATA
    package static let controllerInvalidCleanBrokerMetadata = ResponseCode(rawValue: 2009)
    /// CONTROLLER_BROKER_NEED_TO_BE_REGISTERED
    package static let controllerBrokerNeedToBeRegistered = ResponseCode(rawValue: 2010)
    /// CONTROLLER_MASTER_STILL_EXIST
    package static let controllerMasterStillExist = ResponseCode(rawValue: 2011)
    /// CONTROLLER_ELECT_MASTER_FAILED
    package static let controllerElectMasterFailed = ResponseCode(rawValue: 2012)
    /// CONTROLLER_ALTER_SYNC_STATE_SET_FAILED
    package static let controllerAlterSyncStateSetFailed = ResponseCode(rawValue: 2013)
    /// CONTROLLER_BROKER_ID_INVALID
    package static let controllerBrokerIdInvalid = ResponseCode(rawValue: 2014)
    /// CONTROLLER_JRAFT_INTERNAL_ERROR
    package static let controllerJraftInternalError = ResponseCode(rawValue: 2015)
    /// CONTROLLER_BROKER_LIVE_INFO_NOT_EXISTS
    package static let controllerBrokerLiveInfoNotExists = ResponseCode(rawValue: 2016)
    /// LMQ_QUOTA_EXCEEDED
    package static let lmqQuotaExceeded = ResponseCode(rawValue: 2017)
    /// LITE_SUBSCRIPTION_QUOTA_EXCEEDED
    package static let liteSubscriptionQuotaExceeded = ResponseCode(rawValue: 2018)
    /// USER_NOT_EXIST
    package static let userNotExist = ResponseCode(rawValue: 3001)
    /// POLICY_NOT_EXIST
    package static let policyNotExist = ResponseCode(rawValue: 3002)
}

extension ResponseCode: CustomStringConvertible {
    /// Apache's name of the code, or its number when it has none.
    package var description: String { Self.names[rawValue] ?? String(rawValue) }

    private static let names: [Int32: String] = [
        -1006: "RPC_TIME_OUT",
        -1004: "RPC_SEND_TO_CHANNEL_FAILED",
        -1002: "RPC_ADDR_IS_NULL",
        -1000: "RPC_UNKNOWN",
        0: "SUCCESS",
        1: "SYSTEM_ERROR",
        2: "SYSTEM_BUSY",
        3: "REQUEST_CODE_NOT_SUPPORTED",
        4: "TRANSACTION_FAILED",
        10: "FLUSH_DISK_TIMEOUT",
        11: "SLAVE_NOT_AVAILABLE",
        12: "FLUSH_SLAVE_TIMEOUT",
        13: "MESSAGE_ILLEGAL",
        14: "SERVICE_NOT_AVAILABLE",
        15: "VERSION_NOT_SUPPORTED",
        16: "NO_PERMISSION",
        17: "TOPIC_NOT_EXIST",
        18: "TOPIC_EXIST_ALREADY",
        19: "PULL_NOT_FOUND",
        20: "PULL_RETRY_IMMEDIATELY",
        21: "PULL_OFFSET_MOVED",
        22: "QUERY_NOT_FOUND",
        23: "SUBSCRIPTION_PARSE_FAILED",
        24: "SUBSCRIPTION_NOT_EXIST",
        25: "SUBSCRIPTION_NOT_LATEST",
        26: "SUBSCRIPTION_GROUP_NOT_EXIST",
        27: "FILTER_DATA_NOT_EXIST",
        28: "FILTER_DATA_NOT_LATEST",
        29: "INVALID_PARAMETER",
        200: "TRANSACTION_SHOULD_COMMIT",
        201: "TRANSACTION_SHOULD_ROLLBACK",
        202: "TRANSACTION_STATE_UNKNOW",
        203: "TRANSACTION_STATE_GROUP_WRONG",
        204: "NO_BUYER_ID",
        205: "NOT_IN_CURRENT_UNIT",
        206: "CONSUMER_NOT_ONLINE",
        207: "CONSUME_MSG_TIMEOUT",
        208: "NO_MESSAGE",
        209: "POLLING_FULL",
        210: "POLLING_TIMEOUT",
        211: "BROKER_NOT_EXIST",
        212: "BROKER_DISPATCH_NOT_COMPLETE",
        213: "BROADCAST_CONSUMPTION",
        215: "FLOW_CONTROL",
        501: "NOT_LEADER_FOR_QUEUE",
        604: "ILLEGAL_OPERATION",
        1500: "GO_AWAY",
        2000: "CONTROLLER_FENCED_MASTER_EPOCH",
        2001: "CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH",
        2002: "CONTROLLER_INVALID_MASTER",
        2003: "CONTROLLER_INVALID_REPLICAS",
        2004: "CONTROLLER_MASTER_NOT_AVAILABLE",
        2005: "CONTROLLER_INVALID_REQUEST",
        2006: "CONTROLLER_BROKER_NOT_ALIVE",
        2007: "CONTROLLER_NOT_LEADER",
        2008: "CONTROLLER_BROKER_METADATA_NOT_EXIST",
        2009: "CONTROLLER_INVALID_CLEAN_BROKER_METADATA",
        2010: "CONTROLLER_BROKER_NEED_TO_BE_REGISTERED",
        2011: "CONTROLLER_MASTER_STILL_EXIST",
        2012: "CONTROLLER_ELECT_MASTER_FAILED",
        2013: "CONTROLLER_ALTER_SYNC_STATE_SET_FAILED",
        2014: "CONTROLLER_BROKER_ID_INVALID",
        2015: "CONTROLLER_JRAFT_INTERNAL_ERROR",
        2016: "CONTROLLER_BROKER_LIVE_INFO_NOT_EXISTS",
        2017: "LMQ_QUOTA_EXCEEDED",
        2018: "LITE_SUBSCRIPTION_QUOTA_EXCEEDED",
        3001: "USER_NOT_EXIST",
        3002: "POLICY_NOT_EXIST",
    ]
}
