import MessageModel
import RemotingCodec

/// What became of the progress of a group in one queue whose clients are not connected.
package struct RolledBackQueue: Sendable, Hashable {
    /// The queue.
    package var queue: MessageQueue
    /// End of the queue.
    package var brokerOffset: Int64
    /// Where the group was.
    package var consumerOffset: Int64
    /// The offset of the time asked for.
    package var timestampOffset: Int64
    /// Where the group is now.
    package var rollbackOffset: Int64
}

/// How a group was moved.
package enum OffsetReset: Sendable, Hashable {
    /// Brokers moved it, and tell its clients.
    case told([MessageQueue: Int64])
    /// No client is connected, and the brokers want one: the offsets were committed one by one.
    case committed([RolledBackQueue])
}

extension AdminClient {
    /// Moves a group to where a topic was at a time; -1 is the end. A group that is behind stays unless forced.
    package func resetOffset(
        group: String, topic: String, timestampMillis: Int64, isForced: Bool, cluster: String? = nil
    ) async throws(AdminError) -> OffsetReset {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        let brokers = route.brokers.filter { cluster == nil || $0.cluster == cluster }
        let addresses = brokers.compactMap(\.preferredAddress)
        guard !addresses.isEmpty else {
            throw AdminError(.notFound, "no broker of the cluster \(cluster ?? "") has the topic \(topic)")
        }
        let header = ResetOffsetRequestHeader(
            topic: topic, group: group, timestampMillis: timestampMillis, isForced: isForced)
        do throws(AdminError) {
            var offsets: [MessageQueue: Int64] = [:]
            for address in addresses {
                let answer = try await callBroker(address, .invokeBrokerToResetOffset, header)
                offsets.merge(try Self.decode(ResetOffsetBody.self, answer).offsets) { $1 }
            }
            return .told(offsets)
        } catch  where error.response == .consumerNotOnline {
            var queues: [RolledBackQueue] = []
            for address in addresses {
                queues += try await commitOffsets(
                    group: group, topic: topic, timestampMillis: timestampMillis, isForced: isForced, at: address)
            }
            return .committed(queues)
        }
    }

    /// As Apache's older command does, for brokers that only tell connected clients.
    private func commitOffsets(
        group: String, topic: String, timestampMillis: Int64, isForced: Bool, at address: String
    ) async throws(AdminError) -> [RolledBackQueue] {
        let answer = try await callBroker(
            address, .getConsumeStats, GetConsumeStatsRequestHeader(consumerGroup: group, topic: topic))
        var places = try Self.decode(ConsumeStats.self, answer).offsets.mapValues {
            (end: $0.brokerOffset, consumed: $0.consumerOffset)
        }
        if places.isEmpty {
            let status = try await callBroker(address, .getTopicStatsInfo, GetTopicStatsRequestHeader(topic: topic))
            places = try Self.decode(TopicStats.self, status).offsets.mapValues {
                (end: $0.maxOffset, consumed: $0.minOffset)
            }
        }
        var queues: [RolledBackQueue] = []
        for (queue, place) in places.sorted(by: { $0.key.queueId < $1.key.queueId }) where queue.topic == topic {
            let target =
                timestampMillis == -1
                ? place.end
                : try await offset(topic: topic, queueId: queue.queueId, atMillis: timestampMillis, of: address)
            var row = RolledBackQueue(
                queue: queue, brokerOffset: place.end, consumerOffset: place.consumed, timestampOffset: target,
                rollbackOffset: place.consumed)
            if isForced || target <= place.consumed {
                row.rollbackOffset = target
                let header = UpdateConsumerOffsetRequestHeader(
                    consumerGroup: group, topic: topic, queueId: queue.queueId, commitOffset: target)
                _ = try await callBroker(address, .updateConsumerOffset, header)
            }
            queues.append(row)
        }
        return queues
    }

    /// Moves a group in one queue of a broker, to an offset or to where the queue was at a time; the new offset.
    package func resetOffset(
        group: String, topic: String, queueId: Int32, broker address: String, to offset: Int64?, timestampMillis: Int64
    ) async throws(AdminError) -> Int64 {
        let target: Int64
        if let offset {
            target = offset
        } else {
            target = try await self.offset(topic: topic, queueId: queueId, atMillis: timestampMillis, of: address)
        }
        let header = ResetOffsetRequestHeader(
            topic: topic, group: group, queueId: queueId, offset: target, timestampMillis: 0, isForced: true)
        do throws(AdminError) {
            _ = try await callBroker(address, .invokeBrokerToResetOffset, header)
        } catch  where error.response == .consumerNotOnline {
            let commit = UpdateConsumerOffsetRequestHeader(
                consumerGroup: group, topic: topic, queueId: queueId, commitOffset: target)
            _ = try await callBroker(address, .updateConsumerOffset, commit)
        }
        return target
    }

    /// The offset of the first message stored at or after a time.
    func offset(
        topic: String, queueId: Int32, atMillis millis: Int64, of address: String
    ) async throws(AdminError) -> Int64 {
        let answer = try await callBroker(
            address, .searchOffsetByTimestamp,
            SearchOffsetByTimestampRequestHeader(topic: topic, queueId: queueId, timestampMillis: millis))
        return try Self.header(SearchOffsetByTimestampResponseHeader.self, answer).offset
    }

    /// Reads an answer's header.
    static func header<Header: RemotingHeader>(
        _ type: Header.Type, _ answer: RemotingCommand
    ) throws(AdminError) -> Header {
        do throws(RemotingCodecError) {
            return try answer.header(type)
        } catch {
            throw AdminError(.badAnswer, error.message)
        }
    }
}
