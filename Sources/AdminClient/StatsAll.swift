import MessageModel
import RemotingCodec

/// What goes through a topic for one group.
package struct StatsAllRow: Sendable, Hashable {
    /// The topic.
    package var topic: String
    /// The group; nil when nobody consumes the topic.
    package var group: String?
    /// Messages the group has not consumed yet.
    package var behind: Int64 = 0
    /// Messages per second that came in.
    package var inPerSecond = 0.0
    /// Messages per second that went out to the group.
    package var outPerSecond = 0.0
    /// Messages of the last day that came in.
    package var inOfDay: Int64 = 0
    /// Messages of the last day that went out to the group.
    package var outOfDay: Int64 = 0
}

extension AdminClient {
    /// Traffic and backlog of all topics by group, or of one topic; retry and dead-letter topics are left out.
    package func statsAll(topic: String? = nil) async throws(AdminError) -> [StatsAllRow] {
        let all = try await topicList()
        var rows: [StatsAllRow] = []
        for name in all where topic == nil || name == topic {
            if NameRules.isRetryTopic(name) || NameRules.isDLQTopic(name) { continue }
            guard let route = try await route(of: name) else { continue }
            let addresses = route.brokers.compactMap(\.masterAddress)
            var base = StatsAllRow(topic: name)
            var groups: Set<String> = []
            for address in addresses {
                let put = try await stats("TOPIC_PUT_NUMS", name, at: address)
                base.inPerSecond += put?.minute.perSecond ?? 0
                base.inOfDay += put?.day.sum ?? 0
                let answer = try await callBroker(
                    address, .queryTopicConsumeByWho, QueryTopicConsumeByWhoRequestHeader(topic: name))
                groups.formUnion(try Self.decode(GroupList.self, answer).groups)
            }
            if groups.isEmpty { rows.append(base) }
            for group in groups.sorted() {
                var row = base
                row.group = group
                for address in addresses {
                    let got = try await stats("GROUP_GET_NUMS", "\(name)@\(group)", at: address)
                    row.outPerSecond += got?.minute.perSecond ?? 0
                    row.outOfDay += got?.day.sum ?? 0
                    let answer = try await callBroker(
                        address, .getConsumeStats, GetConsumeStatsRequestHeader(consumerGroup: group, topic: name))
                    for offset in try Self.decode(ConsumeStats.self, answer).offsets.values {
                        row.behind += offset.brokerOffset - offset.consumerOffset
                    }
                }
                rows.append(row)
            }
        }
        return rows
    }

    /// What a broker counted under a name and key; nil when nothing.
    func stats(_ name: String, _ key: String, at address: String) async throws(AdminError) -> BrokerStatsData? {
        do throws(AdminError) {
            let answer = try await callBroker(
                address, .viewBrokerStatsData, ViewBrokerStatsRequestHeader(statsName: name, statsKey: key))
            return try Self.decode(BrokerStatsData.self, answer)
        } catch  where error.response == .systemError {
            return nil
        }
    }

    /// The progress of all groups of one broker.
    package func brokerConsumeStats(of address: String, isOrdered: Bool) async throws(AdminError) -> ConsumeStatsList {
        let answer = try await callBroker(
            address, .getBrokerConsumeStats, GetBrokerConsumeStatsRequestHeader(isOrder: isOrdered))
        return try Self.decode(ConsumeStatsList.self, answer)
    }

    /// Entries of a consume queue, of one broker or of the first that has the topic.
    package func consumeQueue(
        _ header: QueryConsumeQueueRequestHeader, broker address: String?
    ) async throws(AdminError) -> ConsumeQueueEntries {
        var broker = address
        if broker == nil { broker = try await route(of: header.topic)?.brokers.first?.preferredAddress }
        guard let broker else { throw Self.noTopic(header.topic) }
        return try Self.decode(
            ConsumeQueueEntries.self, try await callBroker(broker, .queryConsumeQueue, header))
    }

    /// Entries of a consume queue on one broker.
    package func consumeQueue(
        topic: String, brokerName: String, queueId: Int32, index: Int64, count: Int32
    ) async throws(AdminError) -> ConsumeQueueEntries {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        guard let address = route.brokers.first(where: { $0.brokerName == brokerName })?.preferredAddress else {
            throw AdminError(.notFound, "no broker \(brokerName) has the topic \(topic)")
        }
        let header = QueryConsumeQueueRequestHeader(topic: topic, queueId: queueId, index: index, count: count)
        return try Self.decode(
            ConsumeQueueEntries.self, try await callBroker(address, .queryConsumeQueue, header))
    }

    /// The message at an offset of a queue.
    package func message(
        topic: String, brokerName: String, queueId: Int32, offset: Int64
    ) async throws(AdminError) -> MessageRecord {
        let entries = try await consumeQueue(
            topic: topic, brokerName: brokerName, queueId: queueId, index: offset, count: 1)
        guard let entry = entries.entries.first,
            let address = try await route(of: topic)?.brokers.first(where: { $0.brokerName == brokerName })?
                .preferredAddress
        else { throw AdminError(.notFound, "the queue has no message at \(offset)") }
        return try await message(at: entry.logOffset, broker: address)
    }
}
