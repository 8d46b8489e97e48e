import DeliveryEngine
import NIOConcurrencyHelpers

/// A pull that may wait.
struct PullWaiter: Sendable {
    let request: PullRequest
    let filter: MessageFilter
    let topicSysFlag: Int32
    let groupSysFlag: Int32
    /// Where to read on: behind the messages that did not pass the filter while it waited.
    var offset: Int64
    let deadlineMillis: Int64
    let completion: @Sendable (PullAnswer) -> Void
}

/// Names a queue of this broker.
struct QueueKey: Hashable, Sendable {
    var topic: String
    var queueID: Int32
}

/// The pulls that wait, by queue, in shards with a lock each.
///
/// Nothing is called under a lock but the filters of waiting pulls.
final class PullTable: Sendable {
    /// Names a parked pull.
    struct Ticket: Sendable {
        fileprivate let shard: Int
        fileprivate let id: WaiterID
    }

    private struct Shard {
        var waiters = WaiterIndex<QueueKey, PullWaiter>(limitPerKey: .max)
        /// When the timer will look at the shard; `Int64.max` when it will not.
        var timerAtMillis = Int64.max
    }

    private let shards: [NIOLockedValueBox<Shard>]

    init(shardCount: Int = 32) {
        shards = (0..<shardCount).map { _ in NIOLockedValueBox(Shard()) }
    }

    private func index(topic: String) -> Int { Int(UInt(bitPattern: topic.hashValue) % UInt(shards.count)) }

    /// Parks a pull; `timer` is the shard to look at and when, if it has to be looked at earlier than known.
    func park(_ waiter: PullWaiter) -> (ticket: Ticket, timer: (shard: Int, millis: Int64)?)? {
        let index = index(topic: waiter.request.topic)
        return shards[index].withLockedValue { shard in
            let key = QueueKey(topic: waiter.request.topic, queueID: waiter.request.queueID)
            guard
                let id = shard.waiters.park(
                    key: key, deadlineMillis: waiter.deadlineMillis, capacity: 0, waiter)
            else { return nil }
            let ticket = Ticket(shard: index, id: id)
            guard waiter.deadlineMillis < shard.timerAtMillis else { return (ticket, nil) }
            shard.timerAtMillis = waiter.deadlineMillis
            return (ticket, (index, waiter.deadlineMillis))
        }
    }

    /// Takes a pull out again; nil when somebody else has.
    func cancel(_ ticket: Ticket) -> PullWaiter? {
        shards[ticket.shard].withLockedValue { $0.waiters.cancel(ticket.id) }
    }

    /// Takes out the pulls of a queue that can use what happened.
    func wake(topic: String, queueID: Int32, where canUse: (PullWaiter) -> Bool) -> [PullWaiter] {
        shards[index(topic: topic)].withLockedValue { shard in
            guard !shard.waiters.isEmpty else { return [] }
            return shard.waiters.wakeAll(key: QueueKey(topic: topic, queueID: queueID), where: canUse)
        }
    }

    /// Takes out the pulls of a shard whose time is over, and tells when to look again. A call for an entry that was
    /// superseded by an earlier one does nothing.
    func expire(shard index: Int, scheduledAtMillis: Int64, nowMillis: Int64) -> (expired: [PullWaiter], next: Int64?) {
        shards[index].withLockedValue { shard in
            guard shard.timerAtMillis == scheduledAtMillis else { return ([], nil) }
            let expired = shard.waiters.expire(nowMillis: nowMillis)
            let next = shard.waiters.nextDeadlineMillis()
            shard.timerAtMillis = next ?? .max
            return (expired, next)
        }
    }

    /// Takes out everybody.
    func removeAll() -> [PullWaiter] {
        shards.flatMap { shard in shard.withLockedValue { $0.waiters.removeAll() } }
    }
}
