import MessageModel
import RemotingCodec

/// A queue with the offsets to read.
package struct ReadableQueue: Sendable, Hashable {
    /// The queue.
    package var queue: MessageQueue
    /// Its broker.
    package var address: String
    /// The first message.
    package var minOffset: Int64
    /// Behind the last message.
    package var maxOffset: Int64
}

/// How a look into a queue ended, by Apache's names.
package enum PullStatus: String, Sendable {
    /// There are messages.
    case found = "FOUND"
    /// The filter passes none of those that were looked at.
    case noMatchedMessage = "NO_MATCHED_MSG"
    /// The queue ends there.
    case noNewMessage = "NO_NEW_MSG"
    /// The offset is outside the queue.
    case offsetIllegal = "OFFSET_ILLEGAL"

    /// The status that a code says; nil when it says that the pull was refused.
    init?(_ code: ResponseCode) {
        switch code {
        case .success: self = .found
        case .pullRetryImmediately: self = .noMatchedMessage
        case .pullNotFound: self = .noNewMessage
        case .pullOffsetMoved: self = .offsetIllegal
        default: return nil
        }
    }
}

/// What one look into a queue gave.
package struct PulledMessages: Sendable {
    /// How it ended.
    package var status: PullStatus
    /// The messages.
    package var records: [MessageRecord]
    /// Where to go on.
    package var nextOffset: Int64

    /// Where to go on after a look at an offset; nil at the end of the queue. What was deleted since is passed over.
    package func offset(after offset: Int64) throws(AdminError) -> Int64? {
        if status == .noNewMessage { return nil }
        guard nextOffset > offset else {
            throw AdminError(
                .badAnswer,
                "the broker answers \(status.rawValue) at offset \(offset) and to go on at \(nextOffset): "
                    + "what lies behind is not read")
        }
        return nextOffset
    }
}

extension AdminClient {
    /// The group in whose name tools read.
    package static let toolsGroup = "TOOLS_CONSUMER"

    /// The readable queues of a topic with what they hold between two times, all when there are none.
    package func readableQueues(
        topic: String, brokerName: String? = nil, queueId: Int32? = nil, fromMillis: Int64? = nil,
        toMillis: Int64? = nil
    ) async throws(AdminError) -> [ReadableQueue] {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        var found: [ReadableQueue] = []
        for queues in route.queues.sorted(by: { $0.brokerName < $1.brokerName }) {
            guard brokerName == nil || queues.brokerName == brokerName,
                queues.permission.contains(.read),
                let address = route.brokers.first(where: { $0.brokerName == queues.brokerName })?.preferredAddress
            else { continue }
            for id in 0..<max(0, queues.readQueueCount) where queueId == nil || queueId == id {
                let min = try await callBroker(
                    address, .getMinOffset, GetMinOffsetRequestHeader(topic: topic, queueId: id))
                let max = try await callBroker(
                    address, .getMaxOffset, GetMaxOffsetRequestHeader(topic: topic, queueId: id))
                var queue = ReadableQueue(
                    queue: MessageQueue(topic: topic, brokerName: queues.brokerName, queueId: id), address: address,
                    minOffset: try Self.header(GetMinOffsetResponseHeader.self, min).offset,
                    maxOffset: try Self.header(GetMaxOffsetResponseHeader.self, max).offset)
                if let fromMillis {
                    queue.minOffset = try await offset(topic: topic, queueId: id, atMillis: fromMillis, of: address)
                }
                if let toMillis {
                    queue.maxOffset = try await offset(topic: topic, queueId: id, atMillis: toMillis, of: address)
                }
                found.append(queue)
            }
        }
        guard !found.isEmpty else {
            throw AdminError(.notFound, "the topic \(topic) has no such queue that may be read")
        }
        return found
    }

    /// Reads messages of a queue that pass a tag expression, from an offset on, without waiting for new ones.
    package func pull(
        _ queue: ReadableQueue, from offset: Int64, count: Int32, group: String = AdminClient.toolsGroup,
        expression: String = "*"
    ) async throws(AdminError) -> PulledMessages {
        let header = PullMessageRequestHeader(
            consumerGroup: group, topic: queue.queue.topic, queueId: queue.queue.queueId, queueOffset: offset,
            maxMessageCount: count, sysFlag: Self.subscriptionIsInline, commitOffset: 0, suspendTimeoutMillis: 0,
            subscription: expression, subVersion: 0, expressionType: "TAG")
        let answer = try await ask(try Self.brokerAddress(queue.address), .pullMessage, header)
        guard let status = PullStatus(answer.responseCode) else { throw Self.refusal(answer, from: queue.address) }
        let next = try Self.header(PullMessageResponseHeader.self, answer).nextBeginOffset
        let records = status == .found ? try Self.records(answer) : []
        // Brokers compare the hashes of tags; clients compare the tags.
        let tags = Set(expression.split(separator: "|").map { String($0.filter { $0 != " " }) })
        let wanted = expression == "*" ? records : records.filter { tags.contains($0.property("TAGS") ?? "") }
        return PulledMessages(status: status, records: wanted, nextOffset: next)
    }

    /// The bit of a pull that brings its own subscription.
    private static let subscriptionIsInline: Int32 = 1 << 2
}
