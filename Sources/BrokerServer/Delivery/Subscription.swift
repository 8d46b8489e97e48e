import DeliveryEngine
import NIOConcurrencyHelpers
import NIOCore

/// A parked or running pop.
struct PopWaiter: Sendable {
    let request: PopRequest
    let filter: MessageFilter
    let maxAttempts: Int32
    let queueCount: Int32
    /// The topic's queues are priorities.
    var isByPriority = false
    let deadlineMillis: Int64
    let completion: @Sendable (PopOutcome) -> Void
    /// What was brought into memory for it.
    var warmed = WarmedStretches()
}

/// A parked question whether there is anything to pop.
struct NotificationWaiter: Sendable {
    let queueID: Int32
    let isOrdered: Bool
    let completion: @Sendable (NotificationOutcome) -> Void
}

/// A request taken out of an index, to be dealt with after the lock is released.
enum WokenWaiter: Sendable {
    case pop(PopWaiter)
    case notification(NotificationWaiter)
}

/// The delivery state of one queue for one group.
struct QueueState {
    var ledger: AckLedger
    /// The low-water mark last committed to the consumer offsets.
    var committedOffset: Int64 = -1
    /// Where the queue ended when the broker started, or when its ledger was made after that.
    var startOffset: Int64
    /// When the broker started.
    var startMillis: Int64

    /// A handle from before the start whose offset was beyond the queue's end then, or is that of a message which was
    /// stored later: a power failure took its message, at this start or one before it, and the offset is another one's.
    func isOfLostMessage(offset: Int64, popMillis: Int64, storedMillis: (Int64) -> Int64?) -> Bool {
        guard popMillis < startMillis else { return false }
        return offset >= startOffset || storedMillis(offset).map { popMillis < $0 } ?? false
    }
}

/// What is guarded by a subscription's lock.
struct SubscriptionState {
    /// By queue id; nil where the group has not popped yet.
    var queues: [QueueState?] = []
    var pops: QueueWaiters<PopWaiter>
    var notifications: QueueWaiters<NotificationWaiter>
    /// When a parked request should look again, because something becomes visible then.
    var recheckAtMillis = Int64.max
    /// When the timer will call; `Int64.max` when it will not.
    var timerAtMillis = Int64.max
    /// Encoded changes that are not in the journal yet, in pieces that fit into a record.
    private(set) var unwritten: [[UInt8]] = []
    /// Whether the journal knows that there are any.
    var isListed = false
    /// The topic or group was deleted: the object is out of the table, late calls change nothing.
    var isRemoved = false
    /// Where the next pop of all queues begins.
    var nextQueue = 0

    init(waitersPerKeyMax: Int) {
        pops = QueueWaiters(limitPerKey: waitersPerKeyMax)
        notifications = QueueWaiters(limitPerKey: waitersPerKeyMax)
    }

    var hasWaiters: Bool { !pops.isEmpty || !notifications.isEmpty }

    /// The state of a queue; nil when the group has not popped from it.
    func queue(_ queueID: Int32) -> QueueState? {
        queueID >= 0 && Int(queueID) < queues.count ? queues[Int(queueID)] : nil
    }

    mutating func record(_ change: LedgerChange, queueID: Int32) {
        if unwritten.last.map({ $0.count >= Self.pieceBytes }) ?? true { unwritten.append([]) }
        change.encode(queueID: queueID, into: &unwritten[unwritten.count - 1])
    }

    /// Takes the encoded changes out.
    mutating func takeUnwritten() -> [[UInt8]] {
        defer { unwritten = [] }
        return unwritten
    }

    private static let pieceBytes = 32 * 1024

    /// Whether a parked request of that kind could take something from the queue now, given that it holds new messages.
    mutating func isOpen(queueID: Int32, isOrdered: Bool, nowMillis: Int64) -> Bool {
        let index = Int(queueID)
        guard index < queues.count, queues[index] != nil else { return true }
        guard isOrdered else { return queues[index]?.ledger.isFull == false }
        return queues[index]?.ledger.takesNewInOrder == true
            || queues[index]?.ledger.hasDue(nowMillis: nowMillis) == true
    }

    /// When the next message in flight can be handed out again, of those that cannot yet; `Int64.max` when none can.
    mutating func nextOpening(afterMillis nowMillis: Int64) -> Int64 {
        var earliest = Int64.max
        for index in queues.indices {
            guard let atMillis = queues[index]?.ledger.nextVisibleAtMillis(), atMillis > nowMillis else { continue }
            earliest = min(earliest, atMillis)
        }
        return earliest
    }

    /// When the timer has to look at this subscription next; nil when it need not.
    mutating func nextTimerMillis() -> Int64? {
        guard hasWaiters else { return nil }
        let pop = pops.nextDeadlineMillis() ?? .max
        let notification = notifications.nextDeadlineMillis() ?? .max
        return min(pop, notification, recheckAtMillis)
    }

    /// Takes out everybody.
    mutating func takeWaiters() -> [WokenWaiter] {
        pops.removeAll().map(WokenWaiter.pop) + notifications.removeAll().map(WokenWaiter.notification)
    }
}

/// One consumer group's delivery of one topic: ledgers of the queues and parked requests, under one lock.
///
/// Reading the store is the only call made under the lock; it calls nothing back but the filter. Answers, appends and
/// wake-ups follow after it is released. Lock order: this lock, then the store's own, the consumer offsets' or the
/// timer's; never two subscriptions at once.
final class Subscription: Sendable {
    let key: SubscriptionKey
    private let state: NIOLockedValueBox<SubscriptionState>

    init(key: SubscriptionKey, waitersPerKeyMax: Int) {
        self.key = key
        state = NIOLockedValueBox(SubscriptionState(waitersPerKeyMax: waitersPerKeyMax))
    }

    func withState<Result, Failure: Error>(
        _ body: (inout SubscriptionState) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The box rethrows untyped.
        let outcome = state.withLockedValue { state -> Swift.Result<Result, Failure> in
            do throws(Failure) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

/// All subscriptions, by group and topic and by topic alone.
final class SubscriptionTable: Sendable {
    private struct Shard {
        var byKey: [SubscriptionKey: Subscription] = [:]
        var byTopic: [String: [Subscription]] = [:]
    }

    // Sharded by topic, so that a shard holds all groups of a topic.
    private let shards: [NIOLockedValueBox<Shard>]
    private let waitersPerKeyMax: Int

    init(waitersPerKeyMax: Int, shardCount: Int = 32) {
        self.waitersPerKeyMax = waitersPerKeyMax
        shards = (0..<shardCount).map { _ in NIOLockedValueBox(Shard()) }
    }

    private func shard(topic: String) -> NIOLockedValueBox<Shard> {
        shards[Int(UInt(bitPattern: topic.hashValue) % UInt(shards.count))]
    }

    func find(_ key: SubscriptionKey) -> Subscription? {
        shard(topic: key.topic).withLockedValue { $0.byKey[key] }
    }

    func findOrMake(_ key: SubscriptionKey) -> Subscription {
        shard(topic: key.topic).withLockedValue { shard in
            if let found = shard.byKey[key] { return found }
            let made = Subscription(key: key, waitersPerKeyMax: waitersPerKeyMax)
            shard.byKey[key] = made
            shard.byTopic[key.topic, default: []].append(made)
            return made
        }
    }

    /// The subscriptions of all groups on a topic.
    func subscriptions(topic: String) -> [Subscription] {
        shard(topic: topic).withLockedValue { $0.byTopic[topic] ?? [] }
    }

    /// In an order that is the same in each process: records are written in it.
    var all: [Subscription] {
        shards.flatMap { shard in shard.withLockedValue { Array($0.byKey.values) } }
            .sorted { ($0.key.topic, $0.key.group) < ($1.key.topic, $1.key.group) }
    }

    func remove(_ key: SubscriptionKey) {
        shard(topic: key.topic).withLockedValue { shard in
            shard.byKey[key] = nil
            shard.byTopic[key.topic]?.removeAll { $0.key == key }
            if shard.byTopic[key.topic]?.isEmpty == true { shard.byTopic[key.topic] = nil }
        }
    }
}
