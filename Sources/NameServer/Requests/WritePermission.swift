import RemotingCodec

extension NameServer {
    /// WIPE_WRITE_PERM_OF_BROKER 205: producers leave the broker, consumers stay.
    func wipeWritePermission(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(WipeWritePermissionRequestHeader.self)
        let count = state.withLockedValue { $0.routes.wipeWritePermission(of: header.brokerName) }
        logger.info("write permission wiped", metadata: ["broker": "\(header.brokerName)", "topics": "\(count)"])
        return NameServerAnswer(header: WipeWritePermissionResponseHeader(wipeTopicCount: Int32(clamping: count)))
    }

    /// ADD_WRITE_PERM_OF_BROKER 327.
    func addWritePermission(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(AddWritePermissionRequestHeader.self)
        let count = state.withLockedValue { $0.routes.addWritePermission(of: header.brokerName) }
        logger.info("write permission given", metadata: ["broker": "\(header.brokerName)", "topics": "\(count)"])
        return NameServerAnswer(header: AddWritePermissionResponseHeader(addTopicCount: Int32(clamping: count)))
    }
}
