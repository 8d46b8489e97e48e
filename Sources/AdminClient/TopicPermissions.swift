import MessageModel
import NIOCore
import RemotingCodec

/// A broker whose topic has another permission now.
package struct PermissionChange: Sendable, Hashable {
    /// The broker's address.
    package var broker: String
    /// What it was; nil when the topic was not there.
    package var before: TopicPermission?
    /// The topic as it was sent.
    package var topic: TopicConfig
}

extension AdminClient {
    /// Changes what clients may do with a topic, and nothing else of it.
    package func updateTopicPermission(
        _ topic: String, to permission: TopicPermission, on target: BrokerTarget
    ) async throws(AdminError) -> [PermissionChange] {
        guard let route = try await route(of: topic), let model = route.queues.first else { throw Self.noTopic(topic) }
        var changes: [PermissionChange] = []
        for address in try await targets(target) {
            let broker = route.brokers.first { $0.masterAddress == address }
            if case .broker = target, broker == nil {
                throw AdminError(
                    .notFound, "updateTopicPerm error broker not exit or broker is not master: \(address)")
            }
            let before = route.queues.first { $0.brokerName == broker?.brokerName }?.permission
            var config =
                try await topicConfig(topic, at: address)
                ?? TopicConfig(
                    name: topic, readQueueCount: model.readQueueCount, writeQueueCount: model.writeQueueCount)
            config.permission = permission
            let header = CreateTopicRequestHeader(
                topic: topic, defaultTopic: NameRules.autoCreateTopic, readQueueCount: config.readQueueCount,
                writeQueueCount: config.writeQueueCount, permission: permission.rawValue,
                topicFilterType: config.filterType.rawValue, topicSysFlag: config.sysFlag,
                isOrdered: config.isOrdered, attributes: "", isForced: false)
            _ = try await callBroker(address, .updateAndCreateTopic, header)
            changes.append(PermissionChange(broker: address, before: before, topic: config))
        }
        return changes
    }

    /// The topic as a broker has it; nil when it has none, or is too old to tell.
    private func topicConfig(_ topic: String, at address: String) async throws(AdminError) -> TopicConfig? {
        do throws(AdminError) {
            let answer = try await callBroker(address, .getTopicConfig, GetTopicConfigRequestHeader(topic: topic))
            return try Self.decode(TopicConfig.self, answer)
        } catch  where error.code == .refused {
            return nil
        }
    }

    /// Creates or changes the topics of a JSON list of configurations; the brokers that have them.
    package func updateTopicList(_ list: JSONValue, on target: BrokerTarget) async throws(AdminError) -> [String] {
        try await sendList(list, as: "topicConfigList", .updateAndCreateTopicList, on: target) {
            json throws(ModelError) in _ = try TopicConfig(json: json)
        }
    }

    /// Creates or changes the consumer groups of a JSON list of configurations; the brokers that have them.
    package func updateSubscriptionGroupList(
        _ list: JSONValue, on target: BrokerTarget
    ) async throws(AdminError) -> [String] {
        try await sendList(list, as: "groupConfigList", .updateAndCreateSubscriptiongroupList, on: target) {
            json throws(ModelError) in _ = try SubscriptionGroupConfig(json: json)
        }
    }

    private func sendList(
        _ list: JSONValue, as key: String, _ code: RequestCode, on target: BrokerTarget,
        check: (JSONValue) throws(ModelError) -> Void
    ) async throws(AdminError) -> [String] {
        guard let elements = list.elements, !elements.isEmpty else {
            throw AdminError(.invalidArgument, "the file must hold a JSON list with one configuration or more")
        }
        do throws(ModelError) {
            for element in elements { try check(element) }
        } catch {
            throw AdminError(.invalidArgument, error.message)
        }
        var body = JSONObject()
        body.append(key, list)
        let bytes = ByteBuffer(bytes: JSONValue.object(body).serialize())
        let addresses = try await targets(target)
        for address in addresses { _ = try await callBroker(address, code, EmptyHeader(), body: bytes) }
        return addresses
    }

    /// Sets how a group fetches a topic; the brokers that know it now.
    package func setConsumeMode(
        _ setting: SetMessageRequestModeBody, on target: BrokerTarget
    ) async throws(AdminError) -> [String] {
        let addresses = try await targets(target)
        for address in addresses {
            _ = try await callBroker(address, .setMessageRequestMode, EmptyHeader(), body: setting.encode())
        }
        return addresses
    }
}
