/// Which timer messages wait, and which of them are due.
///
/// The messages lie in the queue of the timer topic, in the order in which they were sent; the index holds one small entry
/// for each that waits, found by reading that queue. The owner reads, inserts, takes what is due, writes the copies, and
/// puts back what could not be written. A message that waits for long is written anew at the end of the queue before the
/// files of the log that hold it grow old; the newer one replaces it here.
///
/// What a start needs to know is ``progress``: of the messages before `queueOffset` those due until
/// `deliveredThroughMillis` are delivered, and before `floorOffset` nothing waits.
package struct TimerIndex: Sendable {
    /// A waiting message, or the order to take one back.
    package struct Entry: Sendable, Hashable, Comparable {
        /// When it is due.
        package var dueMillis: Int64
        /// Its place in the queue of the timer topic.
        package var queueOffset: Int64
        /// Its place in the commit log.
        package var logOffset: Int64
        /// Bytes of its record.
        package var size: Int32
        /// Java's hash of the topic that it is for.
        package var topicHash: Int32

        /// All of it.
        package init(dueMillis: Int64, queueOffset: Int64, logOffset: Int64, size: Int32, topicHash: Int32) {
            self.dueMillis = dueMillis
            self.queueOffset = queueOffset
            self.logOffset = logOffset
            self.size = size
            self.topicHash = topicHash
        }

        /// By time, then by place.
        package static func < (left: Entry, right: Entry) -> Bool {
            left.dueMillis == right.dueMillis
                ? left.queueOffset < right.queueOffset : left.dueMillis < right.dueMillis
        }
    }

    /// Where a start goes on.
    package struct Progress: Sendable, Hashable {
        /// Messages from here on are not in the index yet.
        package var queueOffset: Int64
        /// Messages before `queueOffset` that were due until then are delivered.
        package var deliveredThroughMillis: Int64
        /// No message before waits.
        package var floorOffset: Int64

        /// A place to go on from; the defaults are the beginning.
        package init(queueOffset: Int64 = 0, deliveredThroughMillis: Int64 = 0, floorOffset: Int64 = 0) {
            self.queueOffset = queueOffset
            self.deliveredThroughMillis = deliveredThroughMillis
            self.floorOffset = floorOffset
        }
    }

    private var heap = MinHeap<Entry>()
    /// Entries of the heap by the topic that they are for.
    private var waiting: [Int32: Int] = [:]
    /// Orders to take something back, by the slot that they wait in and the topic.
    private var recallCounts: [Int64: [Int32: Int]] = [:]
    /// The progress that the last run left.
    private let start: Progress
    /// The next message to read.
    package private(set) var readOffset: Int64
    /// No message before waits.
    package private(set) var floorOffset: Int64
    /// Keys of messages that were taken back, by the slot that they wait in.
    private var recalled: [Int64: Set<String>] = [:]
    /// The newest place of messages that were written anew, by key and slot.
    private var newestPlace: [String: Int64] = [:]
    /// Nothing is taken before, after a failure.
    private var retryMillis: Int64?
    private var unreadable = Unreadable()

    /// Entries that are due and whose records cannot be read. They hold up no others.
    private struct Unreadable: Sendable {
        var entries: [Entry] = []
        var firstDueMillis = Int64.max
        /// When they are taken again.
        var retryMillis = Int64.max
    }

    /// An index that has read nothing yet.
    package init(from start: Progress) {
        self.start = start
        readOffset = start.floorOffset
        floorOffset = start.floorOffset
    }

    /// Messages that wait.
    package var count: Int { heap.count + unreadable.entries.count }

    /// Messages that wait, by Java's hash of the topic that they are for. One that was written anew counts once more until
    /// it is due; one that was taken back does not count.
    package var countsByTopicHash: [Int32: Int] {
        var counts = waiting
        for slot in recallCounts.values {
            // The order and what it takes back.
            for (topicHash, count) in slot { counts[topicHash, default: 0] -= 2 * count }
        }
        return counts.filter { $0.value > 0 }
    }

    /// Where a start would go on now. The owner asks while nothing is being written.
    package func progress(nowMillis: Int64) -> Progress {
        guard readOffset >= start.queueOffset else { return start }
        return Progress(
            queueOffset: readOffset, deliveredThroughMillis: min(waitingFrom - 1, nowMillis), floorOffset: floorOffset)
    }

    /// When the owner has to take what is due; nil while nothing waits.
    package var dueMillis: Int64? {
        let first = min(heap.top?.dueMillis ?? .max, unreadable.retryMillis)
        return first == .max ? nil : max(first, retryMillis ?? .min)
    }

    /// When the first that waits is due, or was; `Int64.max` while nothing waits.
    package var waitingFrom: Int64 { min(heap.top?.dueMillis ?? .max, unreadable.firstDueMillis) }

    /// Whether a message was delivered by an earlier run.
    package func wasDelivered(queueOffset: Int64, dueMillis: Int64) -> Bool {
        queueOffset < start.queueOffset && dueMillis <= start.deliveredThroughMillis
    }

    // MARK: Reading

    /// A message of the queue. `rollCount` says how often it was written anew.
    package mutating func insert(_ entry: Entry, key: String, rollCount: Int) {
        readOffset = max(readOffset, entry.queueOffset + 1)
        if rollCount > 0 { newestPlace[Self.place(key, entry.dueMillis)] = entry.queueOffset }
        guard !wasDelivered(queueOffset: entry.queueOffset, dueMillis: entry.dueMillis) else { return }
        push(entry)
    }

    private mutating func push(_ entry: Entry) {
        heap.push(entry)
        waiting[entry.topicHash, default: 0] += 1
    }

    /// The order to take a message back, found in the queue. It waits like a message, so that a start finds it too.
    package mutating func insertRecall(_ entry: Entry, of recalledKey: String, key: String, rollCount: Int) {
        insert(entry, key: key, rollCount: rollCount)
        guard !wasDelivered(queueOffset: entry.queueOffset, dueMillis: entry.dueMillis) else { return }
        let slot = TimerTime.outMillis(dueMillis: entry.dueMillis)
        guard recalled[slot, default: []].insert(recalledKey).inserted else { return }
        recallCounts[slot, default: [:]][entry.topicHash, default: 0] += 1
    }

    /// The queue was read up to here; what lay before is no timer message, or is gone.
    package mutating func advance(to offset: Int64) {
        readOffset = max(readOffset, offset)
    }

    /// Moves the positions into what the queue holds.
    package mutating func correct(minOffset: Int64, maxOffset: Int64) {
        readOffset = min(max(readOffset, minOffset), max(minOffset, maxOffset))
        floorOffset = min(max(floorOffset, minOffset), readOffset)
    }

    // MARK: Delivering

    /// Takes out what is due, in the order of the times.
    package mutating func takeDue(nowMillis: Int64, countMax: Int) -> [Entry] {
        if let retryMillis {
            guard retryMillis <= nowMillis else { return [] }
            self.retryMillis = nil
        }
        if unreadable.retryMillis <= nowMillis { takeUnreadableAgain() }
        forgetRecalls()
        var due: [Entry] = []
        while due.count < countMax, let first = heap.top, first.dueMillis <= nowMillis {
            heap.pop()
            due.append(first)
            if let count = waiting[first.topicHash] { waiting[first.topicHash] = count > 1 ? count - 1 : nil }
        }
        return due
    }

    /// Puts back what could not be written; nothing is taken before `retryAtMillis`.
    package mutating func putBack(_ entries: some Sequence<Entry>, retryAtMillis: Int64) {
        for entry in entries { push(entry) }
        retryMillis = retryAtMillis
    }

    /// Keeps entries whose records cannot be read apart until a time from which on they are taken again.
    package mutating func setAside(_ entries: [Entry], retryAtMillis: Int64) {
        for entry in entries {
            unreadable.entries.append(entry)
            unreadable.firstDueMillis = min(unreadable.firstDueMillis, entry.dueMillis)
            unreadable.retryMillis = min(unreadable.retryMillis, retryAtMillis)
            waiting[entry.topicHash, default: 0] += 1
        }
    }

    private mutating func takeUnreadableAgain() {
        for entry in unreadable.entries { heap.push(entry) }
        unreadable = Unreadable()
    }

    /// Whether a message that is due was taken back.
    package func isRecalled(_ key: String, dueMillis: Int64) -> Bool {
        recalled[TimerTime.outMillis(dueMillis: dueMillis)]?.contains(key) ?? false
    }

    /// Whether a message that is due was written anew behind its place.
    package func isReplaced(_ entry: Entry, key: String) -> Bool {
        newestPlace[Self.place(key, entry.dueMillis)].map { $0 > entry.queueOffset } ?? false
    }

    /// A message was delivered, or dropped for good.
    package mutating func settled(_ entry: Entry, key: String) {
        let place = Self.place(key, entry.dueMillis)
        if newestPlace[place] == entry.queueOffset { newestPlace[place] = nil }
    }

    /// A slot is over when nothing waits in it any more; what was taken before is settled by now.
    private mutating func forgetRecalls() {
        guard !recalled.isEmpty else { return }
        let first = waitingFrom == .max ? .max : TimerTime.outMillis(dueMillis: waitingFrom)
        recalled = recalled.filter { $0.key >= first }
        recallCounts = recallCounts.filter { $0.key >= first }
    }

    // MARK: Writing anew

    /// What to do with a message at the start of the queue that is old.
    package enum OldVerdict: Sendable, Hashable {
        /// It does not wait any more.
        case pass
        /// It has to be written anew.
        case roll
        /// It is due soon: wait until it is delivered.
        case wait
    }

    /// What to do with the message at the floor.
    package func verdict(onOld entry: Entry, key: String, nowMillis: Int64) -> OldVerdict {
        guard entry.queueOffset < readOffset else { return .wait }
        if entry.dueMillis < waitingFrom || isReplaced(entry, key: key) { return .pass }
        return entry.dueMillis - nowMillis > Self.rollMarginMillis ? .roll : .wait
    }

    /// What is due within this is not written anew.
    private static let rollMarginMillis: Int64 = 60_000

    /// Nothing before an offset waits there any more.
    package mutating func raiseFloor(to offset: Int64) { floorOffset = max(floorOffset, min(offset, readOffset)) }

    private static func place(_ key: String, _ dueMillis: Int64) -> String {
        "\(key)@\(TimerTime.outMillis(dueMillis: dueMillis))"
    }

    /// The key under which the order to take back a message stands.
    package static func recallKey(_ key: String) -> String { "-\(key)" }
}
