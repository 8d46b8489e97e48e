/// Makes a transaction table of what the half queue, the op queue and the log hold, after a stop of any kind and of any
/// broker, Apache's too.
///
/// Inputs in this order: op messages, half messages ascending, then records of the log that ended a transaction. What a
/// crash kept from being written (the op of a commit, the op of a half message that was copied) is made up for: the table
/// begins with these ends waiting to be written.
package struct TransactionRecovery: Sendable {
    private var table: TransactionTable
    private let halfMin: Int64
    private let nowMillis: Int64
    private var removed: [Int64: (end: TransactionTable.End, logOffset: Int64)] = [:]
    private var offsetsByLog: [Int64: Int64] = [:]

    /// Over a half queue that is read from `halfMin` on and ends at `halfMax`.
    package init(limits: TransactionTable.Limits, halfMin: Int64, halfMax: Int64, nowMillis: Int64) {
        table = TransactionTable(limits: limits, nextOffset: halfMax)
        self.halfMin = halfMin
        self.nowMillis = nowMillis
    }

    /// An op message, which lies at `logOffset`. `isNeeded` is false for those read only to know how older transactions
    /// ended.
    package mutating func op(
        at opOffset: Int64, _ end: TransactionTable.End, offsets: [Int64], logOffset: Int64, isNeeded: Bool
    ) {
        for offset in offsets {
            if offset >= halfMin, isNeeded { removed[offset] = (end, logOffset) }
            table.endedTable.note(offset, end)
        }
        if isNeeded, let highest = offsets.max() { table.ops.note(opOffset, highest) }
    }

    /// A half message of the queue.
    ///
    /// - Parameter prepared: the offset of the half message it replaces, in the words of Apache's brokers
    ///   (`TRAN_PREPARED_QUEUE_OFFSET`): producers know that one, and ops may name it.
    package mutating func half(_ half: TransactionTable.Half, prepared: Int64?) {
        // It stands for them, however it ended itself; the op that says so may not have been written.
        for origin in half.origins { supersede(origin) }
        // An op message before it is about another one, which a loss of power took: this one got its place.
        if let (end, opLogOffset) = removed[half.queueOffset], opLogOffset > half.logOffset {
            guard end != .copy else { return }
            for origin in half.origins { table.endedTable.note(origin, end) }
            return
        }
        if let prepared, let end = removed[prepared]?.end, end != .copy {
            table.endedTable.note(half.queueOffset, end)
            table.ops.add(half.queueOffset, end, nowMillis: nowMillis)
            return
        }
        var half = half
        if let prepared, !half.origins.contains(prepared) {
            half.origins.append(prepared)
            supersede(prepared)
        }
        table.insert(half)
        table.order.insert(half.queueOffset)
        offsetsByLog[half.logOffset] = half.queueOffset
    }

    /// A newer record stands for this one.
    private mutating func supersede(_ offset: Int64) {
        guard let original = table.entries.removeValue(forKey: offset) else { return }
        offsetsByLog[original.half.logOffset] = nil
        table.ops.add(offset, .copy, nowMillis: nowMillis)
    }

    /// The log offset of the oldest record that is still open; nil when none is. What ends it lies behind.
    package var oldestLogOffset: Int64? { offsetsByLog.keys.min() }

    /// A record of the log that ends the transaction whose half message is at this log offset. The op may be missing.
    package mutating func logRecord(ending halfLogOffset: Int64, as end: TransactionTable.End) {
        guard let offset = offsetsByLog.removeValue(forKey: halfLogOffset) else { return }
        table.ended(offset, as: end, nowMillis: nowMillis)
    }

    /// The table, ready for use.
    package consuming func finish() -> TransactionTable { table }
}
