import NIOCore

/// Everything that clients were told, and so may hold the broker to.
struct ShadowModel {
    struct Queue: Hashable, Comparable, CustomStringConvertible {
        let topic: String
        let queueID: Int32

        var description: String { "\(topic)/\(queueID)" }

        static func < (left: Queue, right: Queue) -> Bool {
            (left.topic, left.queueID) < (right.topic, right.queueID)
        }
    }

    /// A message that a producer sent.
    struct Sent {
        enum Fate {
            /// No answer yet, or none that tells: it may be there.
            case open
            /// Refused for a reason that means it is not there.
            case refused
            /// Answered OK, or seen.
            case accepted
        }

        let queue: Queue
        let body: ByteBuffer
        let properties: ByteBuffer
        /// Messages of one group are in order.
        let messageGroup: Int
        var fate = Fate.open
        var queueOffset: Int64 = -1
        var logOffset: Int64 = -1
        var storedMillis: Int64 = 0
        /// Nothing but retention may take it.
        var isDurable = false
        /// Taken by retention, or by a loss of power that may take it.
        var isGone = false
        /// Its topic was deleted: nobody may see it again.
        var isDeleted = false
    }

    struct Delivery: Hashable {
        let group: String
        let id: Int
    }

    var sent: [Sent] = []
    var waiting: [WaitingMessage] = []
    /// What lies at each offset.
    var queues: [Queue: [Int64: Int]] = [:]
    var deliveries: [Delivery: TrackedDelivery] = [:]
    /// Messages ever acknowledged with success, by group.
    var acked: Set<Delivery> = []

    // MARK: Sends

    mutating func answered(
        _ id: Int, queueOffset: Int64, logOffset: Int64, storedMillis: Int64, isDurable: Bool
    ) throws(Violation) {
        let queue = sent[id].queue
        if let other = queues[queue]?[queueOffset], other != id {
            throw Violation("\(queue)@\(queueOffset) was answered for message \(id), but it is that of \(other)")
        }
        queues[queue, default: [:]][queueOffset] = id
        sent[id].fate = .accepted
        sent[id].queueOffset = queueOffset
        sent[id].logOffset = logOffset
        sent[id].storedMillis = storedMillis
        if isDurable { sent[id].isDurable = true }
    }

    /// Everything accepted is on the disk.
    mutating func didFlushLog() {
        for id in sent.indices where sent[id].fate == .accepted { sent[id].isDurable = true }
        for key in deliveries.keys { deliveries[key]?.didFlushLog() }
        for id in waiting.indices { waiting[id].didFlushLog() }
    }

    /// Every change of deliveries is in the log.
    mutating func didJournal(isDurable: Bool) {
        for key in deliveries.keys { deliveries[key]?.didJournal(isDurable: isDurable) }
    }

    // MARK: Deliveries

    mutating func delivered(
        _ id: Int, to group: String, attempt: Int32, popMillis: Int64, invisibleMillis: Int64, attemptsMax: Int32
    ) throws(Violation) {
        let key = Delivery(group: group, id: id)
        var tracked = deliveries[key] ?? TrackedDelivery()
        let told = "message \(id) went to \(group) as attempt \(attempt) at \(popMillis)"
        guard attempt <= attemptsMax else { throw Violation("\(told), over the maximum \(attemptsMax)") }
        let open = tracked.current.filter { !$0.isAcked }
        guard !open.isEmpty else { throw Violation("\(told), but it was acknowledged") }
        let visible = open.filter { $0.untilMillis <= popMillis }
        guard !visible.isEmpty else { throw Violation("\(told), but is invisible: \(tracked.current)") }
        guard visible.contains(where: { $0.attempt + 1 == attempt }) else {
            throw Violation("\(told), which is miscounted: \(tracked.current)")
        }
        tracked.add([.init(attempt: attempt, untilMillis: popMillis + invisibleMillis)])
        deliveries[key] = tracked
    }

    mutating func acknowledged(_ id: Int, by group: String) {
        let key = Delivery(group: group, id: id)
        acked.insert(key)
        guard var tracked = deliveries[key] else { return }
        tracked.add(
            tracked.current.map { state in
                var state = state
                state.isAcked = true
                return state
            })
        deliveries[key] = tracked
    }

    mutating func changed(_ id: Int, by group: String, untilMillis: Int64) throws(Violation) {
        let key = Delivery(group: group, id: id)
        guard var tracked = deliveries[key] else {
            throw Violation("the invisible time of message \(id), which \(group) never got, was changed")
        }
        let open = tracked.current.filter { !$0.isAcked }
        guard !open.isEmpty else {
            throw Violation("the invisible time of message \(id) was changed after \(group) acknowledged it")
        }
        tracked.add(
            open.map { state in
                var state = state
                state.untilMillis = untilMillis
                return state
            })
        deliveries[key] = tracked
    }

    /// Whether a message is with a consumer for certain.
    func isInFlight(_ id: Int, group: String, nowMillis: Int64) -> Bool {
        guard let tracked = deliveries[Delivery(group: group, id: id)] else { return false }
        return tracked.current.allSatisfy { !$0.isAcked && $0.attempt > 0 && $0.untilMillis > nowMillis }
    }

    // MARK: Deletions

    /// A topic was deleted, or `perhaps`, as nobody was told that it was.
    mutating func deleted(_ topic: String, perhaps: Bool) {
        for id in sent.indices where sent[id].queue.topic == topic && !sent[id].isGone && sent[id].fate != .refused {
            if perhaps {
                sent[id].fate = .open
                sent[id].isDurable = false
            } else {
                forget(id)
                sent[id].isDeleted = true
            }
        }
        for queue in queues.keys where queue.topic == topic { queues[queue] = nil }
    }

    // MARK: Crashes

    mutating func crashed(losesPower: Bool) {
        for key in deliveries.keys { deliveries[key]?.crashed(losesPower: losesPower) }
    }

    /// A message is not there any more, and its place may be given to another.
    mutating func forget(_ id: Int) {
        sent[id].isGone = true
        if queues[sent[id].queue]?[sent[id].queueOffset] == id {
            queues[sent[id].queue]?[sent[id].queueOffset] = nil
        }
        for key in deliveries.keys where key.id == id { deliveries[key] = nil }
    }
}
