import MessageModel

/// Requests of Apache's that this broker does not know: the answer is REQUEST_CODE_NOT_SUPPORTED (3) with one of these
/// sentences, or with Apache's own for codes that Apache does not know either.
package enum UnsupportedRequests {
    /// The answer to a request without a handler.
    package static func remark(code: Int32) -> String {
        sentences[RequestCode(rawValue: code)].map { "request type \(code) not supported: \($0)" }
            ?? " request type \(code) not supported"
    }

    private static let replication = "there is no controller, and no broker takes a master's place by itself"
    private static let oldAccessControl = "access control lists of version 4 are not supported"
    private static let accessControl = "there is no access control yet"
    private static let staticTopics = "static topics are not supported"
    private static let coldData = "cold data is not treated apart"
    private static let rocksDB = "queues and settings are not kept in RocksDB"

    /// Why, by request.
    package static let sentences: [RequestCode: String] = [
        .updateAndCreateAclConfig: oldAccessControl, .deleteAclConfig: oldAccessControl,
        .getBrokerClusterAclInfo: oldAccessControl, .updateGlobalWhiteAddrsConfig: oldAccessControl,
        .getBrokerClusterAclConfig: oldAccessControl, .updateAndCreateStaticTopic: staticTopics,
        .resetMasterFlushOffset: replication,
        .notifyMinBrokerIdChange: replication, .getBrokerEpochCache: replication,
        .notifyBrokerRoleChanged: replication, .updateColdDataFlowCtrConfig: coldData,
        .removeColdDataFlowCtrConfig: coldData, .getColdDataFlowCtrInfo: coldData,
        .popRollback: "what pop consumers hold is kept in the log, not in RocksDB: there are no records to move",
        .peekMessage: "messages cannot be looked at without taking them; pull them instead",
        .checkRocksdbCqWriteProgress: rocksDB, .exportRocksdbConfigToJson: rocksDB,
        .authCreateUser: accessControl, .authUpdateUser: accessControl, .authDeleteUser: accessControl,
        .authGetUser: accessControl, .authListUser: accessControl, .authCreateAcl: accessControl,
        .authUpdateAcl: accessControl, .authDeleteAcl: accessControl, .authGetAcl: accessControl,
        .authListAcl: accessControl,
    ]
}
