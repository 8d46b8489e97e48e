import MessageModel
import RemotingCodec

/// Whether a group has consumed a message.
package struct MessageTrack: Sendable, Hashable {
    /// What is known, by Apache's names.
    package enum Kind: String, Sendable {
        /// The group is past it.
        case consumed = "CONSUMED"
        /// The group is past it, and its tags leave it out.
        case filtered = "CONSUMED_BUT_FILTERED"
        /// The group's clients keep their own position.
        case pulls = "PULL"
        /// The group has not come so far.
        case waiting = "NOT_CONSUME_YET"
        /// No client of the group is connected.
        case offline = "NOT_ONLINE"
        /// Every client has a position of its own.
        case broadcasting = "CONSUME_BROADCASTING"
        /// The broker could not tell.
        case unknown = "UNKNOWN"
    }

    /// The group.
    package var group: String
    /// What is known.
    package var kind: Kind
    /// Why nothing is.
    package var failure: String?
}

extension AdminClient {
    /// What the groups that consume the topics of messages made of each, as its broker knows. A broker that does not
    /// answer is not asked again.
    package func tracks(of records: [MessageRecord]) async -> [Result<[MessageTrack], AdminError>] {
        var silent: [RecordHost: AdminError] = [:]
        var results: [Result<[MessageTrack], AdminError>] = []
        for record in records {
            if let error = silent[record.storeHost] {
                results.append(.failure(error))
                continue
            }
            do throws(AdminError) {
                results.append(.success(try await tracks(of: record)))
            } catch {
                if error.code == .unreachable { silent[record.storeHost] = error }
                results.append(.failure(error))
            }
        }
        return results
    }

    private func tracks(of record: MessageRecord) async throws(AdminError) -> [MessageTrack] {
        let broker = record.storeHost.description
        let answer = try await callBroker(
            broker, .queryTopicConsumeByWho, QueryTopicConsumeByWhoRequestHeader(topic: record.topic))
        var tracks: [MessageTrack] = []
        for group in try Self.decode(GroupList.self, answer).groups.sorted() {
            var track = MessageTrack(group: group, kind: .unknown)
            do throws(AdminError) {
                track.kind = try await kind(of: record, group: group, broker: broker)
            } catch  where error.code != .unreachable {
                track.failure = error.message
            }
            tracks.append(track)
        }
        return tracks
    }

    private func kind(
        of record: MessageRecord, group: String, broker: String
    ) async throws(AdminError) -> MessageTrack.Kind {
        guard let clients = try await connections(ofGroup: group, broker: broker) else { return .offline }
        if clients.consumeType == .actively { return .pulls }
        if clients.messageModel == .broadcasting { return .broadcasting }
        let answer = try await callBroker(
            broker, .getConsumeStats, GetConsumeStatsRequestHeader(consumerGroup: group, topic: record.topic))
        let isPast = try Self.decode(ConsumeStats.self, answer).offsets.contains { queue, offset in
            queue.topic == record.topic && queue.queueId == record.queueId
                && offset.consumerOffset > record.queueOffset
        }
        guard isPast else { return .waiting }
        let tags = clients.subscriptions[record.topic]?.tags ?? []
        let isWanted = tags.isEmpty || tags.contains("*") || tags.contains(record.property("TAGS") ?? "")
        return isWanted ? .consumed : .filtered
    }
}
