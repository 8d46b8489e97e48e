import MessageModel
import RemotingCodec

/// Where a group stands in one queue.
package struct ConsumerProgressRow: Sendable, Hashable {
    package var queue: MessageQueue
    package var offset: OffsetWrapper

    /// Messages the group has not consumed yet.
    package var behind: Int64 { offset.brokerOffset - offset.consumerOffset }
    /// Messages fetched and not consumed yet.
    package var inFlight: Int64 { offset.pullOffset - offset.consumerOffset }
}

/// Where a group stands.
package struct ConsumerProgress: Sendable {
    package var group: String
    /// Sorted by topic, broker and queue.
    package var rows: [ConsumerProgressRow]
    package var consumeTps: Double
    /// The group's clients, nil when none is connected.
    package var connections: ConsumerConnections?

    /// Messages the group has not consumed yet.
    package var behind: Int64 { rows.reduce(0) { $0 + $1.behind } }
    /// Messages fetched and not consumed yet.
    package var inFlight: Int64 { rows.reduce(0) { $0 + $1.inFlight } }
}

extension AdminClient {
    /// The progress of one group, in all its topics or in one.
    package func consumerProgress(
        group: String, topic: String? = nil, cluster: String? = nil
    ) async throws(AdminError) -> ConsumerProgress {
        var progress = ConsumerProgress(group: group, rows: [], consumeTps: 0)
        let header = GetConsumeStatsRequestHeader(consumerGroup: group, topic: topic)
        let brokers = try await brokers(ofGroup: group, topic: topic, cluster: cluster)
        for address in brokers {
            let answer = try await callBroker(address, .getConsumeStats, header)
            let stats = try Self.decode(ConsumeStats.self, answer)
            progress.rows += stats.offsets.map { ConsumerProgressRow(queue: $0.key, offset: $0.value) }
            progress.consumeTps += stats.consumeTps
        }
        progress.rows.sort { left, right in
            (left.queue.topic, left.queue.brokerName, left.queue.queueId)
                < (right.queue.topic, right.queue.brokerName, right.queue.queueId)
        }
        return progress
    }

    /// The progress of every group that has a retry topic, with its clients; groups that no broker can tell about
    /// are left out.
    package func allConsumerProgress(cluster: String? = nil) async throws(AdminError) -> [ConsumerProgress] {
        var groups: Set<String> = []
        for topic in try await topicList() where topic.hasPrefix(NameRules.retryPrefix) {
            let name = String(topic.dropFirst(NameRules.retryPrefix.count))
            if !name.contains("+") { groups.insert(name) }
        }
        var all: [ConsumerProgress] = []
        for group in groups.sorted() {
            do throws(AdminError) {
                var progress = try await consumerProgress(group: group, cluster: cluster)
                progress.connections = try await connections(ofGroup: group, cluster: cluster)
                all.append(progress)
            } catch  where error.code == .refused || error.code == .notFound {
                continue
            }
        }
        return all
    }

    /// The clients of a group as the first broker knows them, or as the one given; nil when none is connected anywhere.
    package func connections(
        ofGroup group: String, cluster: String? = nil, broker: String? = nil
    ) async throws(AdminError) -> ConsumerConnections? {
        let header = GetConsumerConnectionListRequestHeader(consumerGroup: group)
        let brokers =
            if let broker { [broker] } else { try await brokers(ofGroup: group, topic: nil, cluster: cluster) }
        for address in brokers {
            do throws(AdminError) {
                let answer = try await callBroker(address, .getConsumerConnectionList, header)
                return try Self.decode(ConsumerConnections.self, answer)
            } catch  where error.response == .consumerNotOnline {
                continue
            }
        }
        return nil
    }

    /// The brokers with the group's retry topic or, where groups work without one, those of the topic or cluster.
    private func brokers(
        ofGroup group: String, topic: String?, cluster: String?
    ) async throws(AdminError) -> [String] {
        var brokers: [BrokerRoute] = []
        if let topic, let route = try await route(of: topic) {
            brokers = route.brokers
        } else if let route = try await route(of: NameRules.retryTopic(group)) {
            brokers = route.brokers
        } else {
            brokers = try await clusterInfo().brokers.values.sorted { $0.brokerName < $1.brokerName }
        }
        return brokers.filter { cluster == nil || $0.cluster == cluster }.compactMap(\.preferredAddress)
    }
}
