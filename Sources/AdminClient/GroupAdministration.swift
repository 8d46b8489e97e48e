import MessageModel
import RemotingCodec

extension AdminClient {
    /// Deletes a group on brokers, its offsets too when told; the brokers that did.
    package func deleteSubscriptionGroup(
        _ group: String, cleanOffset: Bool, on target: BrokerTarget
    ) async throws(AdminError) -> [String] {
        let addresses = try await targets(target)
        for address in addresses {
            _ = try await callBroker(
                address, .deleteSubscriptiongroup,
                DeleteSubscriptionGroupRequestHeader(groupName: group, cleanOffset: cleanOffset))
        }
        return addresses
    }

    /// The configuration of a group on every master that has it.
    package func consumerConfig(
        _ group: String
    ) async throws(AdminError) -> [BrokerAnswer<SubscriptionGroupConfig>] {
        var answers: [BrokerAnswer<SubscriptionGroupConfig>] = []
        for broker in try await clusterInfo().brokers.values.sorted(by: { $0.brokerName < $1.brokerName }) {
            guard let address = broker.masterAddress else { continue }
            let table = try Self.decode(
                SubscriptionGroupTable.self, try await callBroker(address, .getAllSubscriptiongroupConfig))
            if let found = table.groups[group] { answers.append(BrokerAnswer(broker: broker.brokerName, value: found)) }
        }
        return answers
    }

    /// Gives a group the progress of another on a topic, on every broker of the topic; the brokers.
    package func cloneGroupOffset(from source: String, to destination: String, topic: String) async throws(AdminError)
        -> [String]
    {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        let addresses = route.brokers.compactMap(\.masterAddress)
        guard !addresses.isEmpty else { throw AdminError(.notFound, "no broker of the topic \(topic) has a master") }
        for address in addresses {
            _ = try await callBroker(
                address, .cloneGroupOffset,
                CloneGroupOffsetRequestHeader(srcGroup: source, destGroup: destination, topic: topic))
        }
        return addresses
    }

    static func noTopic(_ topic: String) -> AdminError {
        AdminError(.notFound, "No topic route info in name server for the topic: \(topic)")
    }

    /// The clients of a producer group that send to a topic.
    package func producerConnections(group: String, topic: String) async throws(AdminError) -> [ClientConnection] {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        var connections: Set<ClientConnection> = []
        var refusal: AdminError?
        for address in route.brokers.compactMap(\.preferredAddress) {
            do throws(AdminError) {
                let answer = try await callBroker(
                    address, .getProducerConnectionList,
                    GetProducerConnectionListRequestHeader(producerGroup: group))
                connections.formUnion(try Self.decode(ProducerConnections.self, answer).connections)
            } catch  where error.code == .refused {
                refusal = error
            }
        }
        if connections.isEmpty, let refusal { throw refusal }
        return connections.sorted { ($0.clientId, $0.address) < ($1.clientId, $1.address) }
    }

    /// What each client of a consumer group says of itself, asked by way of all brokers or of one; nil for one that does
    /// not answer.
    package func consumerStatus(
        group: String, clientID: String? = nil, broker: String? = nil, isTraceWanted: Bool = false
    ) async throws(AdminError) -> [BrokerAnswer<JSONValue?>] {
        guard let connections = try await connections(ofGroup: group, broker: broker) else {
            throw AdminError(.notFound, "the consumer group[\(group)] not online")
        }
        return try await status(
            of: connections.connections.map(\.clientId).filter { clientID == nil || clientID == $0 }, group: group,
            broker: broker, isTraceWanted: isTraceWanted)
    }

    private func status(
        of clients: [String], group: String, broker: String? = nil, isTraceWanted: Bool = false
    ) async throws(AdminError) -> [BrokerAnswer<JSONValue?>] {
        let addresses =
            if let broker {
                [broker]
            } else {
                try await clusterInfo().brokers.values.compactMap(\.masterAddress).sorted()
            }
        var answers: [BrokerAnswer<JSONValue?>] = []
        for client in clients {
            var info: JSONValue?
            for address in addresses where info == nil {
                let header = GetConsumerRunningInfoRequestHeader(
                    consumerGroup: group, clientId: client, jstackEnable: isTraceWanted)
                info = try? Self.json(
                    try await callBroker(address, .getConsumerRunningInfo, header, isRelayed: true))
            }
            answers.append(BrokerAnswer(broker: client, value: info))
        }
        return answers
    }

    /// How far the 4.x clients of a group say they are with a topic, by client, and what brokers remark, such as which
    /// client did not answer.
    package func clientOffsets(
        group: String, topic: String, clientID: String? = nil
    ) async throws(AdminError) -> (status: ConsumerStatus, remarks: [String]) {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        let header = GetConsumerStatusRequestHeader(topic: topic, group: group, clientAddr: clientID ?? "")
        var status = ConsumerStatus()
        var remarks: [String] = []
        var refusal: AdminError?
        var answers = 0
        for address in route.brokers.compactMap(\.preferredAddress) {
            do throws(AdminError) {
                let answer = try await callBroker(address, .invokeBrokerToGetConsumerStatus, header, isRelayed: true)
                // A client says the same to every broker it is connected to.
                status.offsetsByClient.merge(try Self.decode(ConsumerStatus.self, answer).offsetsByClient) { $1 }
                if let remark = answer.remark, !remark.isEmpty { remarks.append("\(address): \(remark)") }
                answers += 1
            } catch  where error.code == .refused {
                refusal = error
            }
        }
        guard answers > 0 else { throw refusal ?? AdminError(.notFound, "no broker has the topic \(topic)") }
        return (status, remarks)
    }

    /// Where the clients are that have the queues of a group now, as they say themselves; v5 clients have none.
    package func queueOwners(group: String) async throws(AdminError) -> [MessageQueue: String] {
        guard let connections = try await connections(ofGroup: group) else { return [:] }
        var owners: [MessageQueue: String] = [:]
        for answer in try await status(of: connections.connections.map(\.clientId), group: group) {
            for member in answer.value?["mqTable"]?.members ?? JSONObject() {
                guard let queue = try? MessageQueue(key: member.key) else { continue }
                owners[queue] = String(answer.broker.prefix { $0 != "@" })
            }
        }
        return owners
    }
}
