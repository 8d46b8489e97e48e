import MessageModel
import RemotingCodec

/// What `updateTopic` did.
package struct UpdateTopicResult: Sendable {
    /// The brokers that have the topic now.
    package var brokers: [String]
    /// What was sent.
    package var topic: TopicConfig
    /// The global order that was set, for an ordered topic.
    package var orderConf: String?
}

extension AdminClient {
    /// Creates a topic or changes it.
    ///
    /// - Parameter attributes: changes as `+key=value,-key`.
    package func updateTopic(
        _ topic: TopicConfig, attributes: String, on target: BrokerTarget
    ) async throws(AdminError) -> UpdateTopicResult {
        do throws(ModelError) {
            try NameRules.checkTopic(topic.name)
            _ = try AttributeChanges(parsing: attributes)
        } catch {
            throw AdminError(.invalidArgument, error.message)
        }
        var result = UpdateTopicResult(brokers: try await targets(target), topic: topic)
        let header = CreateTopicRequestHeader(
            topic: topic.name, defaultTopic: NameRules.autoCreateTopic, readQueueCount: topic.readQueueCount,
            writeQueueCount: topic.writeQueueCount, permission: topic.permission.rawValue,
            topicFilterType: topic.filterType.rawValue, topicSysFlag: topic.sysFlag, isOrdered: topic.isOrdered,
            attributes: attributes, isForced: false)
        for address in result.brokers { _ = try await callBroker(address, .updateAndCreateTopic, header) }
        if topic.isOrdered { result.orderConf = try await setOrder(of: topic, on: target) }
        return result
    }

    /// Keeps how many queues each broker has for the topic, so that its order survives a lost broker.
    private func setOrder(of topic: TopicConfig, on target: BrokerTarget) async throws(AdminError) -> String {
        let info = try await clusterInfo()
        var entries: [String: String] = [:]
        switch target {
        case .cluster(let cluster), .wholeCluster(let cluster):
            for broker in try brokers(ofCluster: cluster, in: info) {
                entries[broker.brokerName] = String(topic.writeQueueCount)
            }
        case .broker(let address):
            entries = try await currentOrder(of: topic.name)
            guard let broker = info.brokers.values.first(where: { $0.addresses.values.contains(address) }) else {
                throw AdminError(.notFound, "broker \(address) is not registered with the name server")
            }
            entries[broker.brokerName] = String(topic.writeQueueCount)
        }
        let conf = entries.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ";")
        try await callEveryNameServer(
            .putKvConfig,
            PutKVConfigRequestHeader(namespace: Self.orderTopicNamespace, key: topic.name, value: conf))
        return conf
    }

    private func currentOrder(of topic: String) async throws(AdminError) -> [String: String] {
        let header = GetKVConfigRequestHeader(namespace: Self.orderTopicNamespace, key: topic)
        let answer = try await callNameServer(.getKvConfig, header)
        guard answer.responseCode == .success, let text = answer.fields.optionalString("value") else { return [:] }
        var entries: [String: String] = [:]
        for part in text.split(separator: ";") {
            guard let colon = part.lastIndex(of: ":") else { continue }
            entries[String(part[..<colon])] = String(part[part.index(after: colon)...])
        }
        return entries
    }
}
