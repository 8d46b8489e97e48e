import RemotingCodec

extension NameServer {
    /// BROKER_HEARTBEAT 904.
    func brokerHeartbeat(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(BrokerHeartbeatRequestHeader.self)
        let process = BrokerProcess(cluster: header.clusterName, address: header.brokerAddr)
        let now = nowMillis()
        state.withLockedValue { $0.routes.heartbeat(process, nowMillis: now) }
        return NameServerAnswer()
    }
}
