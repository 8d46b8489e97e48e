import RemotingCodec

extension NameServer {
    /// GET_BROKER_MEMBER_GROUP 901: the processes of a broker name, also when there is none.
    func getBrokerMemberGroup(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(GetBrokerMemberGroupRequestHeader.self)
        let members = state.withLockedValue { $0.routes.members(of: header.brokerName) }
        let group = BrokerMemberGroup(cluster: header.clusterName, brokerName: header.brokerName, addresses: members)
        return NameServerAnswer(body: group.encode())
    }
}
