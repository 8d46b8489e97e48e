/// What one consumer group has done with one queue: the delivery state of every message below ``nextOffset``.
///
/// An offset below `nextOffset` is either *in flight* (it has an entry: delivered and not acknowledged, whether or not
/// its invisible time has passed), *deferred* (it has an entry: an ordered pop passed it over, because an earlier
/// message of its message group is not done) or *done* (acknowledged, filtered out or dead-lettered; it has no entry).
/// So the memory needed is that of the messages in flight and deferred, however far acknowledgements run ahead of a
/// slow one, and ``lowWater`` is simply the first offset that has an entry.
///
/// Attempts and handles. Each delivery of a message is an attempt, counted from 1. A receipt handle names its attempt
/// by pop time. Extending the invisible time continues the attempt, so a handle belongs to the current attempt when its
/// pop time is not before that attempt's first pop. A handle of an earlier attempt (the message was delivered again
/// since) still acknowledges, because it says that the work is done and at-least-once is kept; it may not change the
/// invisible time, which now belongs to somebody else. For ordered delivery it may not acknowledge either: that would
/// let the next message pass one that is being worked on.
///
/// The ledger knows no clock, no store and no lock; its owner hands in the time and serialises the calls. A pop is:
/// ``takeDue(nowMillis:maxCount:maxAttempts:isOrdered:)``, then for each message one of
/// ``redeliver(_:popMillis:visibleAtMillis:attemptKey:)``, ``settle(offset:)``, ``release(offset:)`` or
/// ``postpone(offset:untilMillis:)``, then ``deliverNew(offsets:next:popMillis:visibleAtMillis:)``. An ordered pop begins
/// with ``beginOrdered(keyOf:)`` and ends with ``admit(offset:orderKey:popMillis:visibleAtMillis:attemptKey:)`` for each
/// new message and ``advance(to:)`` instead.
package struct AckLedger: Sendable {
    /// A message in flight or deferred.
    package struct Entry: Sendable, Hashable {
        /// The message's queue offset.
        package var offset: Int64
        /// When the current attempt was first handed out.
        package var firstPopMillis: Int64
        /// When it may be delivered again.
        package var visibleAtMillis: Int64
        /// Deliveries so far; 0 marks a deferred message, a negative number an entry that is done and waits to be
        /// swept.
        package var attempt: Int32
        /// Which message group it is of, see ``AckLedger/orderKey(_:)``; 0 while that is unknown.
        package var orderKey: UInt64 = 0
        /// Which client attempt has it, see ``AckLedger/attemptKey(_:)``; 0 when the client gave no name.
        package var attemptKey: UInt64 = 0

        var isLive: Bool { attempt >= 0 }
        /// Passed over by ordered pops so far.
        package var isDeferred: Bool { attempt == 0 }
    }

    /// Bounds of one ledger.
    package struct Limits: Sendable {
        /// Most messages in flight; a ledger that reached it hands out redeliveries only.
        package var inFlightMax: Int
        /// Widest span of offsets in one answer: a batch acknowledgement carries one bit for each offset of the span.
        package var offsetSpanMax: Int64
        /// Most messages taken to the dead-letter queue by one pop.
        package var deadLettersPerPopMax: Int
        /// How long a message on its way to the dead-letter queue stays invisible.
        package var deadLetterHoldMillis: Int64
        /// Most messages that ordered pops pass over. When as many wait behind unfinished messages of their groups, the
        /// first message after them that would have to wait too keeps everything behind it back, until one of these is
        /// handed out.
        package var deferredMax: Int

        /// The product's limits, or others for a test.
        package init(
            inFlightMax: Int = 10_000, offsetSpanMax: Int64 = 65_536, deadLettersPerPopMax: Int = 32,
            deadLetterHoldMillis: Int64 = 30_000, deferredMax: Int = 10_000
        ) {
            self.inFlightMax = inFlightMax
            self.offsetSpanMax = offsetSpanMax
            self.deadLettersPerPopMax = deadLettersPerPopMax
            self.deadLetterHoldMillis = deadLetterHoldMillis
            self.deferredMax = deferredMax
        }
    }

    struct DueItem: Comparable, Sendable {
        var visibleAtMillis: Int64
        var offset: Int64

        static func < (left: DueItem, right: DueItem) -> Bool {
            left.visibleAtMillis == right.visibleAtMillis
                ? left.offset < right.offset : left.visibleAtMillis < right.visibleAtMillis
        }
    }

    /// The first offset that was never handed out.
    package internal(set) var nextOffset: Int64
    /// Messages passed over by ordered pops.
    package private(set) var deferredCount = 0
    /// The bounds in force.
    package let limits: Limits

    // Ascending by offset; `entries[head]` is live unless there is none. Done entries behind it are swept lazily.
    private var entries: [Entry] = []
    private var head = 0
    private var liveCount = 0
    // Has an item for the visible time of every live entry, and stale ones besides; purged when these prevail. While
    // `order` is there a deferred entry has its item only when it is the first of its group.
    var due = MinHeap<DueItem>()
    // On their way to the dead-letter queue: whoever had them last cannot keep them. Not stored, as a start begins the moves
    // anew.
    private(set) var deadLetters: Set<Int64> = []
    // The message groups of all live entries, while ordered pops are what comes.
    var order: OrderIndex?

    /// A ledger that will hand out `startOffset` first.
    package init(startOffset: Int64, limits: Limits = Limits()) {
        nextOffset = startOffset
        self.limits = limits
    }

    /// Every message below this offset is done.
    package var lowWater: Int64 { liveCount == 0 ? nextOffset : entries[head].offset }

    /// Messages in flight.
    package var inFlightCount: Int { liveCount - deferredCount }

    /// Whether it hands out no new message until some in flight are done.
    package var isFull: Bool { inFlightCount >= limits.inFlightMax }

    /// The messages in flight, by offset.
    package var inFlight: [Entry] { entries[head...].filter { $0.attempt > 0 } }

    /// The messages in flight and those deferred, by offset.
    package var live: [Entry] { entries[head...].filter(\.isLive) }

    /// The entry of a message in flight or deferred.
    package func entry(offset: Int64) -> Entry? {
        index(of: offset).map { entries[$0] }
    }

    /// When the earliest message in flight may be delivered again; nil when none is in flight.
    package mutating func nextVisibleAtMillis() -> Int64? {
        dropStaleDueItems()
        return due.top?.visibleAtMillis
    }

    /// Whether a message in flight may be delivered again now.
    package mutating func hasDue(nowMillis: Int64) -> Bool {
        guard let first = due.top, first.visibleAtMillis <= nowMillis else { return false }
        dropStaleDueItems()
        return due.top.map { $0.visibleAtMillis <= nowMillis } ?? false
    }

    // MARK: Entries

    func index(of offset: Int64) -> Int? {
        guard liveCount > 0, offset >= entries[head].offset else { return nil }
        // Without holes the position is the distance; with holes it lies at or before that.
        let distance = offset - entries[head].offset
        var high = entries.count
        if distance < Int64(high - head) {
            let guess = head + Int(distance)
            if entries[guess].offset == offset { return entries[guess].isLive ? guess : nil }
            high = guess
        }
        var low = head
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].offset == offset, entries[low].isLive else { return nil }
        return low
    }

    subscript(index index: Int) -> Entry {
        get { entries[index] }
        set { entries[index] = newValue }
    }

    var liveIndices: some Sequence<Int> {
        (head..<entries.count).lazy.filter { [entries] in entries[$0].isLive }
    }

    mutating func append(_ entry: Entry) {
        precondition(entries.last.map { $0.offset < entry.offset } ?? true, "offsets are handed out in ascending order")
        entries.append(entry)
        liveCount += 1
        if entry.isDeferred { deferredCount += 1 }
        let isFirst = order?.add(entry) ?? true
        guard isFirst || !entry.isDeferred else { return }
        due.push(DueItem(visibleAtMillis: entry.visibleAtMillis, offset: entry.offset))
    }

    /// Keeps an entry that had all its attempts, so that a failed move to the dead-letter queue is tried again.
    mutating func holdDeadLetter(index: Int, nowMillis: Int64) {
        deadLetters.insert(entries[index].offset)
        setVisible(index: index, atMillis: nowMillis + limits.deadLetterHoldMillis)
    }

    mutating func setVisible(index: Int, atMillis: Int64) {
        entries[index].visibleAtMillis = atMillis
        due.push(DueItem(visibleAtMillis: atMillis, offset: entries[index].offset))
        purgeDueIfStalePrevails()
    }

    /// Counts a delivery of the entry.
    mutating func setAttempt(index: Int, _ attempt: Int32, popMillis: Int64) {
        if entries[index].isDeferred { deferredCount -= 1 }
        entries[index].attempt = attempt
        if !deadLetters.isEmpty { deadLetters.remove(entries[index].offset) }
        entries[index].firstPopMillis = popMillis
    }

    /// Removes an entry; returns true when another message of its group can go now.
    @discardableResult
    mutating func remove(index: Int) -> Bool {
        let entry = entries[index]
        if entry.isDeferred { deferredCount -= 1 }
        if !deadLetters.isEmpty { deadLetters.remove(entry.offset) }
        entries[index].attempt = -1
        liveCount -= 1
        if liveCount == 0 {
            entries.removeAll(keepingCapacity: entries.capacity <= 1024)
            head = 0
            due.removeAll()
            if order != nil { order = OrderIndex() }
            return false
        }
        while !entries[head].isLive { head += 1 }
        let opens = openGroup(after: entry)
        if entries.count - liveCount > liveCount + 64 {
            entries = entries[head...].filter(\.isLive)
            head = 0
        }
        purgeDueIfStalePrevails()
        return opens
    }

    /// Makes the next message of a group the first one.
    private mutating func openGroup(after entry: Entry) -> Bool {
        guard var order = self.order else { return false }
        self.order = nil
        let next = order.remove(entry) { index(of: $0) != nil }
        self.order = order
        guard let next, let index = index(of: next) else { return false }
        if entries[index].isDeferred {
            due.push(DueItem(visibleAtMillis: entries[index].visibleAtMillis, offset: next))
        }
        return true
    }

    mutating func removeAllEntries() {
        entries = []
        head = 0
        liveCount = 0
        deferredCount = 0
        deadLetters = []
        due.removeAll()
        order = nil
    }

    func isCurrent(_ item: DueItem) -> Bool {
        index(of: item.offset).map { entries[$0].visibleAtMillis == item.visibleAtMillis } ?? false
    }

    private mutating func dropStaleDueItems() {
        while let item = due.top, !isCurrent(item) { due.pop() }
    }

    private mutating func purgeDueIfStalePrevails() {
        guard due.count > 2 * liveCount + 64 else { return }
        rebuildDue()
    }

    mutating func rebuildDue() {
        due = MinHeap(
            entries[head...].compactMap { entry in
                guard entry.isLive, !entry.isDeferred || order?.isFirst(entry) ?? true else { return nil }
                return DueItem(visibleAtMillis: entry.visibleAtMillis, offset: entry.offset)
            })
    }
}
