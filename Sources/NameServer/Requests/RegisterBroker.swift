import MessageModel
import RemotingCodec

extension NameServer {
    /// REGISTER_BROKER 103: a broker and its topics, all of them or one that changed.
    func registerBroker(_ request: RemotingCommand, connection: UInt64?) throws -> NameServerAnswer {
        let header = try request.header(RegisterBrokerRequestHeader.self)
        guard !header.brokerName.isEmpty, !header.brokerAddr.isEmpty, !header.clusterName.isEmpty else {
            throw ServiceError(code: .systemError, message: "brokerName, brokerAddr and clusterName must not be empty")
        }
        let body = try RegisterBrokerBody(decoding: request.body, header: header, senderVersion: request.version)
        var registration = BrokerRegistration(
            cluster: header.clusterName, brokerName: header.brokerName, address: header.brokerAddr,
            brokerId: header.brokerId, haServerAddress: header.haServerAddr,
            heartbeatTimeoutMillis: header.heartbeatTimeoutMillis, enableActingMaster: header.enableActingMaster,
            dataVersion: body.topicTable.dataVersion, topics: Array(body.topicTable.topics.values))
        registration.zoneName = header.zoneName
        registration.filterServers = body.filterServers
        for mapping in body.topicTable.mappings["topicQueueMappingInfoMap"]?.members ?? JSONObject() {
            registration.queueMappings[mapping.key.text] = mapping.value
        }
        let answer = try register(registration, connection: connection)
        logger.debug(
            "broker registered",
            metadata: [
                "broker": "\(header.brokerName)", "id": "\(header.brokerId)", "address": "\(header.brokerAddr)",
                "topics": "\(registration.topics.count)",
            ])
        let response = RegisterBrokerResponseHeader(
            haServerAddr: answer.haServerAddress, masterAddr: answer.masterAddress)
        return NameServerAnswer(header: response, body: orderTopics?.encode())
    }

    /// The fixed queue orders, which brokers learn with each registration.
    private var orderTopics: KVTable? {
        state.withLockedValue { state in
            guard state.configuration.returnOrderTopicConfigToBroker else { return nil }
            return state.settings.values(in: SettingsTable.orderTopicNamespace).map { KVTable($0) }
        }
    }
}
