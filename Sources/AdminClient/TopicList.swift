import MessageModel
import RemotingCodec

/// A topic with its clusters and consumer groups.
package struct TopicListRow: Sendable, Hashable {
    package var cluster: String
    package var topic: String
    /// Empty when nobody consumes the topic.
    package var group: String
}

extension AdminClient {
    /// All topics in alphabetical order.
    package func topicList() async throws(AdminError) -> [String] {
        let answer = try await callNameServer(.getAllTopicListFromNameserver)
        return try Self.decode(TopicList.self, try Self.successful(answer, from: "name server")).topics.sorted()
    }

    /// All topics but retry and dead-letter ones, with cluster and groups.
    package func topicListWithGroups() async throws(AdminError) -> [TopicListRow] {
        var rows: [TopicListRow] = []
        for topic in try await topicList() where !NameRules.isRetryTopic(topic) && !NameRules.isDLQTopic(topic) {
            guard let route = try await route(of: topic), let broker = route.brokers.first else { continue }
            let groups = try await groups(of: topic, route: route)
            if groups.isEmpty { rows.append(TopicListRow(cluster: broker.cluster, topic: topic, group: "")) }
            for group in groups { rows.append(TopicListRow(cluster: broker.cluster, topic: topic, group: group)) }
        }
        return rows
    }

    /// The groups that consume a topic, as its first broker knows them.
    private func groups(of topic: String, route: TopicRoute) async throws(AdminError) -> [String] {
        for broker in route.brokers {
            guard let address = broker.preferredAddress else { continue }
            let answer = try await callBroker(
                address, .queryTopicConsumeByWho, QueryTopicConsumeByWhoRequestHeader(topic: topic))
            return try Self.decode(GroupList.self, answer).groups.sorted()
        }
        return []
    }
}
