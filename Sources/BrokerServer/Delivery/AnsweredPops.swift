import DeliveryEngine
import NIOConcurrencyHelpers
import NIOCore

/// What was handed out for long on connections a moment ago.
///
/// Proxies take messages of push consumers for the group's whole consume timeout, a quarter of an hour as a rule. When a
/// proxy is killed, an answer on its way to the client is lost, and its messages would stay hidden for that long.
final class AnsweredPops: Sendable {
    /// The messages of one answer, or those of one lite topic in it.
    struct Answer: Sendable {
        let key: SubscriptionKey
        let popMillis: Int64
        let visibleAtMillis: Int64
        let messages: [(queueID: Int32, offset: Int64)]
        /// Told when some of them come again sooner.
        var whenSooner: (@Sendable (SubscriptionKey) -> Void)?
    }

    private struct Connection {
        var answers = CircularBuffer<Answer>()
        var messageCount = 0

        mutating func dropFirst() {
            guard let first = answers.popFirst() else { return }
            messageCount -= first.messages.count
        }
    }

    private let connections = NIOLockedValueBox<[UInt64: Connection]>([:])
    /// Pops for no longer than this are not noted; the others of a lost connection are hidden no longer either. It is the
    /// time for which Apache's proxy takes messages that it keeps hidden itself (defaultInvisibleTimeMills).
    static let hiddenMillisMax: Int64 = 60_000
    /// An answer is believed to have reached the client after this.
    static let windowMillis: Int64 = 10_000
    /// The newest messages of one connection that are noted.
    static let messagesMax = 8_192

    /// Notes an answer that goes out now.
    func note(_ answer: Answer, connectionID: UInt64, nowMillis: Int64) {
        connections.withLockedValue { connections in
            var connection = connections.removeValue(forKey: connectionID) ?? Connection()
            connection.answers.append(answer)
            connection.messageCount += answer.messages.count
            while let first = connection.answers.first,
                connection.messageCount > Self.messagesMax || nowMillis - first.popMillis > Self.windowMillis
            {
                connection.dropFirst()
            }
            connections[connectionID] = connection
        }
    }

    /// Takes the answers that may be lost with a connection.
    func take(connectionID: UInt64, nowMillis: Int64) -> [Answer] {
        let connection = connections.withLockedValue { $0.removeValue(forKey: connectionID) }
        return connection?.answers.filter { nowMillis - $0.popMillis <= Self.windowMillis } ?? []
    }
}

extension DeliveryService {
    /// Notes what an answer hands out for long; before it is written. `isGone` tells whether the connection is closed,
    /// `whenSooner` is told what of it comes again sooner then.
    package func willAnswer(
        _ batch: PopBatch, group: String, topic: String, connectionID: UInt64, isGone: () -> Bool,
        whenSooner: (@Sendable (SubscriptionKey) -> Void)? = nil
    ) {
        guard batch.invisibleMillis > AnsweredPops.hiddenMillisMax else { return }
        let now = dependencies.nowMillis()
        var rest = batch.messages[...]
        for (topic, count) in batch.liteQueues.isEmpty ? [(name: topic, count: rest.count)] : batch.liteQueues {
            answeredPops.note(
                AnsweredPops.Answer(
                    key: SubscriptionKey(group: group, topic: topic), popMillis: batch.popMillis,
                    visibleAtMillis: batch.popMillis + batch.invisibleMillis,
                    messages: rest.prefix(count).map { ($0.queueID, $0.queueOffset) }, whenSooner: whenSooner),
                connectionID: connectionID, nowMillis: now)
            rest = rest.dropFirst(count)
        }
        // It closed while the pop waited: nobody will call again.
        if isGone() { closed(connectionID: connectionID) }
    }

    /// Has the messages of a closed connection's last answers come again within a minute when nobody finishes them: the
    /// client may not have got them.
    package func closed(connectionID: UInt64) {
        let now = dependencies.nowMillis()
        for answer in answeredPops.take(connectionID: connectionID, nowMillis: now) { bringForward(answer, now) }
    }

    private func bringForward(_ answer: AnsweredPops.Answer, _ nowMillis: Int64) {
        guard let subscription = table.find(answer.key) else { return }
        let atMillis = max(nowMillis, answer.popMillis + AnsweredPops.hiddenMillisMax)
        var timer: (subscription: Subscription, millis: Int64)?
        var isSooner = false
        let mustList = subscription.withState { state in
            for message in answer.messages {
                let isMoved = state.bringForward(
                    message.offset, of: message.queueID, from: answer.visibleAtMillis, to: atMillis)
                isSooner = isSooner || isMoved
            }
            if state.hasWaiters {
                state.recheckAtMillis = min(state.recheckAtMillis, atMillis)
                timer = nextTimer(&state, subscription)
            }
            return state.mustList()
        }
        if mustList { journal.list(subscription) }
        if let timer { timers.schedule(timer.subscription, atMillis: timer.millis) }
        if isSooner { answer.whenSooner?(answer.key) }
    }
}

extension SubscriptionState {
    /// Whether the message comes sooner now.
    fileprivate mutating func bringForward(
        _ offset: Int64, of queueID: Int32, from: Int64, to atMillis: Int64
    ) -> Bool {
        let index = Int(queueID)
        guard !isRemoved, queues.indices.contains(index),
            queues[index]?.ledger.bringForward(offset: offset, fromMillis: from, toMillis: atMillis) == true
        else { return false }
        record(.visible(offset: offset, atMillis: atMillis), queueID: queueID)
        return true
    }
}
