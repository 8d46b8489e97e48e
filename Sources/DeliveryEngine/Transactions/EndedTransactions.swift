/// How the last transactions ended, by half queue offset, bounded: the oldest go first.
struct EndedTransactions: Sendable {
    private let countMax: Int
    private var table: [Int64: TransactionTable.End] = [:]
    private var ring: [Int64] = []
    private var next = 0

    init(countMax: Int) {
        self.countMax = max(1, countMax)
    }

    func end(of offset: Int64) -> TransactionTable.End? { table[offset] }

    mutating func note(_ offset: Int64, _ end: TransactionTable.End) {
        guard table.updateValue(end, forKey: offset) == nil else { return }
        if ring.count < countMax {
            ring.append(offset)
            return
        }
        table[ring[next]] = nil
        ring[next] = offset
        next = (next + 1) % countMax
    }
}

/// Which offsets of the half queue are known, and the first one that is still needed.
///
/// Records get their offsets in one order and are reported in another: progress must not pass one that is on its way.
struct OffsetOrder: Sendable {
    /// All offsets before are known.
    private(set) var next: Int64
    /// Known offsets after a gap.
    private var ahead: Set<Int64> = []
    private var known = MinHeap<Int64>()

    init(next: Int64) {
        self.next = next
    }

    /// An offset that is needed until told otherwise.
    mutating func insert(_ offset: Int64) {
        known.push(offset)
        guard offset >= next else { return }
        ahead.insert(offset)
        while ahead.remove(next) != nil { next += 1 }
    }

    mutating func lowWater(isNeeded: (Int64) -> Bool) -> Int64 {
        while let first = known.top, !isNeeded(first) { known.pop() }
        return known.top.map { min($0, next) } ?? next
    }
}

/// Ends on their way to the op queue.
///
/// An op message must not outlive the record that ended the transaction: a loss of power may take that one and leave what
/// lies behind it. So an end waits here until its record is on the disk.
struct OpQueue: Sendable {
    private struct Pending: Sendable {
        var offset: Int64
        var end: TransactionTable.End
        var sinceMillis: Int64
        /// Where its record lies at the earliest, and before which end of the log.
        var record: Range<Int64>?
    }

    /// Op messages, by their offset, with the highest half offset they name.
    private struct Written: Sendable {
        var opOffset: Int64
        var halfOffsetMax: Int64
    }

    private let delayMillis: Int64
    private let bytesMax: Int
    private var ready: [Pending] = []
    /// Those whose records may not be on the disk yet, in the order of these.
    private var unflushed: [Pending] = []
    /// Where the first of their records lies at the earliest.
    private var unflushedFloor = Int64.max
    /// Bytes of both in op messages.
    private var pendingBytes = 0
    private var oldestMillis: Int64?
    /// Until when ends that wait for the disk are left alone.
    private var pausesUntilMillis = Int64.min
    private var writing: [TransactionTable.OpBatch] = []
    private var writingMark: Int64 = 0
    private var written: [Written] = []
    /// Everything that ended before this log offset is written.
    private(set) var mark: Int64 = 0
    /// Entries of `written` above which neighbours are joined: then progress is known more coarsely, no more.
    private static let writtenMax = 8_192
    private static let retryMillis: Int64 = 1_000
    /// Time between two looks at what is on the disk.
    private static let pauseMillis: Int64 = 100

    init(delayMillis: Int64, bytesMax: Int) {
        self.delayMillis = delayMillis
        self.bytesMax = bytesMax
    }

    var isEmpty: Bool { ready.isEmpty && unflushed.isEmpty && writing.isEmpty }
    var count: Int { ready.count + unflushed.count + writing.reduce(0) { $0 + $1.offsets.count } }

    /// Whether an end of a kind that waits for no record is not written yet.
    func holds(_ end: TransactionTable.End) -> Bool {
        ready.contains { $0.end == end } || writing.contains { $0.end == end }
    }

    /// When the oldest end has to be written; nil while others are being written.
    var dueMillis: Int64? {
        guard writing.isEmpty, let oldestMillis else { return nil }
        return max(pausesUntilMillis, pendingBytes >= bytesMax ? oldestMillis : oldestMillis + delayMillis)
    }

    /// - Parameter record: where the record lies that must be on the disk before; nil when there is none to wait for.
    mutating func add(
        _ offset: Int64, _ end: TransactionTable.End, record: Range<Int64>? = nil, nowMillis: Int64
    ) {
        let pending = Pending(offset: offset, end: end, sinceMillis: nowMillis, record: record)
        if let record {
            unflushed.append(pending)
            unflushedFloor = min(unflushedFloor, record.lowerBound)
        } else {
            ready.append(pending)
        }
        pendingBytes += Self.bytes(of: offset)
        if oldestMillis == nil { oldestMillis = nowMillis }
    }

    /// - Parameters:
    ///   - mark: what the log held, the records of ends under way aside, when all that is pending is written.
    ///   - flushed: the log is on the disk up to there.
    mutating func take(
        nowMillis: Int64, isForced: Bool, mark: Int64, flushed: Int64
    ) -> [TransactionTable.OpBatch] {
        guard writing.isEmpty, isForced || (dueMillis.map { $0 <= nowMillis } ?? false) else { return [] }
        release(flushed: flushed)
        var open: [TransactionTable.End: (index: Int, bytes: Int)] = [:]
        for entry in ready {
            let size = Self.bytes(of: entry.offset)
            pendingBytes -= size
            if let (index, bytes) = open[entry.end], bytes + size <= bytesMax {
                writing[index].offsets.append(entry.offset)
                open[entry.end] = (index, bytes + size)
            } else {
                open[entry.end] = (writing.count, size)
                writing.append(TransactionTable.OpBatch(end: entry.end, offsets: [entry.offset]))
            }
        }
        ready = []
        writingMark = min(mark, unflushedFloor)
        oldestMillis = unflushed.first?.sinceMillis
        if !unflushed.isEmpty { pausesUntilMillis = nowMillis + Self.pauseMillis }
        return writing
    }

    /// Makes those ready whose records are on the disk.
    private mutating func release(flushed: Int64) {
        let count = unflushed.firstIndex { ($0.record?.upperBound ?? 0) > flushed } ?? unflushed.count
        if count == 0 { return }
        ready += unflushed[..<count]
        unflushed.removeFirst(count)
        unflushedFloor = unflushed.reduce(.max) { min($0, $1.record?.lowerBound ?? $0) }
    }

    mutating func finish(_ opOffsets: [Int64]?, nowMillis: Int64) {
        guard !writing.isEmpty else { return }
        if let opOffsets, opOffsets.count == writing.count {
            for (opOffset, batch) in zip(opOffsets, writing) { note(opOffset, batch.offsets.max() ?? 0) }
            mark = max(mark, writingMark)
        } else {
            // In front of what came meanwhile. An op message that names an offset twice does no harm.
            let offsets = writing.flatMap { batch in batch.offsets.map { ($0, batch.end) } }
            ready = offsets.map { Pending(offset: $0.0, end: $0.1, sinceMillis: nowMillis) } + ready
            pendingBytes += offsets.reduce(0) { $0 + Self.bytes(of: $1.0) }
            oldestMillis = nowMillis - delayMillis + Self.retryMillis
        }
        writing = []
    }

    /// An op message that is in the queue.
    mutating func note(_ opOffset: Int64, _ halfOffsetMax: Int64) {
        written.append(Written(opOffset: opOffset, halfOffsetMax: halfOffsetMax))
        guard written.count > Self.writtenMax else { return }
        var joined: [Written] = []
        joined.reserveCapacity(written.count / 2 + 1)
        for index in stride(from: 0, to: written.count, by: 2) {
            var first = written[index]
            if index + 1 < written.count {
                first.halfOffsetMax = max(first.halfOffsetMax, written[index + 1].halfOffsetMax)
            }
            joined.append(first)
        }
        written = joined
    }

    mutating func lowWater(halfLowWater: Int64, nextOpOffset: Int64) -> Int64 {
        let count = written.prefix { $0.halfOffsetMax < halfLowWater }.count
        written.removeFirst(count)
        return written.first?.opOffset ?? nextOpOffset
    }

    /// Bytes of an offset in an op message: its digits and a separator.
    private static func bytes(of offset: Int64) -> Int {
        var count = 2
        var rest = offset
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }
}
