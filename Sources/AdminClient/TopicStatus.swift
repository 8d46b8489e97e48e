import MessageModel
import RemotingCodec

/// The extent of one queue.
package struct TopicStatusRow: Sendable, Hashable {
    package var queue: MessageQueue
    package var offset: TopicOffset
}

/// The extent of a topic.
package struct TopicStatus: Sendable {
    /// Sorted by broker and queue.
    package var rows: [TopicStatusRow]
    /// Messages per second, where brokers tell.
    package var putTps: Double
}

extension AdminClient {
    /// Offsets of all queues of a topic.
    package func topicStatus(_ topic: String, cluster: String? = nil) async throws(AdminError) -> TopicStatus {
        guard let route = try await route(of: topic) else {
            throw AdminError(.notFound, "no route for topic \(topic)")
        }
        var status = TopicStatus(rows: [], putTps: 0)
        for broker in route.brokers where cluster == nil || broker.cluster == cluster {
            guard let address = broker.preferredAddress else { continue }
            let answer = try await callBroker(address, .getTopicStatsInfo, GetTopicStatsRequestHeader(topic: topic))
            let stats = try Self.decode(TopicStats.self, answer)
            status.rows += stats.offsets.map { TopicStatusRow(queue: $0.key, offset: $0.value) }
            status.putTps += stats.putTps ?? 0
        }
        status.rows.sort { ($0.queue.brokerName, $0.queue.queueId) < ($1.queue.brokerName, $1.queue.queueId) }
        return status
    }
}
