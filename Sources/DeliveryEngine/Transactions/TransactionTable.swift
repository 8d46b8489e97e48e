/// The transactions of a broker that are not decided yet, and how the last ones ended. Pure: time is handed in, and each
/// input says what has to be written or sent.
///
/// A transaction begins with a half message: a record of the half queue. It lives under the queue offset of that record.
/// Each time its producer is asked, a fresh copy is written and the transaction moves to the copy's offset; the earlier
/// offsets stay its names, since an answer may come late. It ends once: with a commit (a message in the real topic), a
/// rollback, or, after too many questions or too much time, in the topic for those. The end is written to the op queue,
/// in batches of half queue offsets as Apache's brokers write them.
///
/// While something is being written for a transaction it takes no other input: `end` answers `.busy`. Writing is the
/// caller's; it reports with `copied`, `ended` or `failed`. What a crash between two writes leaves behind is put right by
/// ``TransactionRecovery``.
///
/// The table holds at most `openMax` transactions that producers opened; ``reserve()`` refuses others. A start loads all
/// that the queue holds, so that none is lost.
package struct TransactionTable: Sendable {
    /// Times and bounds.
    package struct Limits: Sendable, Hashable {
        /// Open transactions above which no new one is taken.
        package var openMax = 200_000
        /// Ended transactions that are remembered.
        package var endedMax = 65_536
        /// Ends that wait to be written at most.
        package var opsMax = 262_144
        /// Age at which a producer is asked for the first time (`transactionTimeOut`).
        package var firstCheckMillis: Int64 = 6_000
        /// Time between two questions (`transactionCheckInterval`).
        package var checkIntervalMillis: Int64 = 30_000
        /// Questions at most (`transactionCheckMax`).
        package var checkCountMax: Int32 = 15
        /// Age at which an undecided transaction is given up, whoever could be asked (`fileReservedTime`).
        package var ageMillisMax: Int64 = 72 * 3_600_000
        /// Age of a half message's record at which it is written anew, so that the queue's beginning can be let go.
        package var recordMillisMax: Int64 = 600_000
        /// Longest time that an end waits to be written (`transactionOpBatchInterval`).
        package var opDelayMillis: Int64 = 3_000
        /// Bytes of an op message at most (`transactionOpMsgMaxSize`).
        package var opBytesMax = 4_096

        /// The defaults.
        package init() {}
    }

    /// How a transaction ended, or why an offset of the half queue is done with.
    package enum End: String, Sendable, Hashable, CaseIterable {
        case commit
        case rollback
        /// Given up: it went to the topic for those.
        case discard
        /// Not the transaction ended, only this record: a newer copy stands for it.
        case copy
        /// Ended; the record that says so does not tell how.
        case unknown
    }

    /// A half message in its queue.
    package struct Half: Sendable, Hashable {
        /// Its offset in the half queue.
        package var queueOffset: Int64
        /// Its record's offset in the commit log.
        package var logOffset: Int64
        /// When the broker stored the record.
        package var storedMillis: Int64
        /// When the broker stored the first record of the transaction.
        package var firstStoredMillis: Int64
        /// The age at which its producer wants to be asked first; nil for the broker's.
        package var immunityMillis: Int64?
        /// How often a producer was asked.
        package var checkCount: Int32
        /// Offsets of the records that this one is a copy of, oldest first.
        package var origins: [Int64]

        /// A half message by its parts.
        package init(
            queueOffset: Int64, logOffset: Int64, storedMillis: Int64, firstStoredMillis: Int64? = nil,
            immunityMillis: Int64? = nil, checkCount: Int32 = 0, origins: [Int64] = []
        ) {
            self.queueOffset = queueOffset
            self.logOffset = logOffset
            self.storedMillis = storedMillis
            self.firstStoredMillis = min(firstStoredMillis ?? storedMillis, storedMillis)
            self.immunityMillis = immunityMillis
            self.checkCount = checkCount
            self.origins = origins
        }

        /// What a copy of this record, stored there and then, stands for; `isAsked` when its producer is asked with it.
        package func copy(queueOffset: Int64, logOffset: Int64, storedMillis: Int64, isAsked: Bool) -> Half {
            var copy = self
            copy.queueOffset = queueOffset
            copy.logOffset = logOffset
            copy.storedMillis = storedMillis
            copy.checkCount += isAsked ? 1 : 0
            copy.origins = originsOfCopy
            return copy
        }

        /// The earlier offsets that a copy of this record names.
        package var originsOfCopy: [Int64] {
            let all = origins + [queueOffset]
            guard all.count > TransactionTable.originsMax else { return all }
            return [all[0]] + all.suffix(TransactionTable.originsMax - 1)
        }
    }

    /// The answer to an attempt to end a transaction.
    package enum EndAnswer: Sendable, Hashable {
        /// Write what the decision asks for, of this record, and report.
        case proceed(Half)
        /// It ended like this before.
        case already(End)
        /// Something is being written for it; ask again.
        case busy
        /// Too many ends wait to be written; ask again.
        case full
        /// Nothing is known of this offset: it ended long ago.
        case unknown
    }

    /// What has to be done about a transaction whose time has come.
    package enum Due: Sendable, Hashable {
        /// Ask a producer; with a copy of the record, or report `failed` when there is nobody to ask.
        case check(Half)
        /// Write the record anew, without asking.
        case refresh(Half)
        /// Give it up.
        case discard(Half)
    }

    /// Ends to write in one op message.
    package struct OpBatch: Sendable, Hashable {
        /// What they have in common.
        package var end: End
        /// Half queue offsets.
        package var offsets: [Int64]

        /// Ends of one kind.
        package init(end: End, offsets: [Int64]) {
            self.end = end
            self.offsets = offsets
        }
    }

    struct Entry: Sendable {
        var half: Half
        var dueMillis: Int64
    }

    struct DueTime: Sendable, Comparable {
        var millis: Int64
        var offset: Int64

        static func < (left: Self, right: Self) -> Bool {
            (left.millis, left.offset) < (right.millis, right.offset)
        }
    }

    package let limits: Limits
    var entries: [Int64: Entry] = [:]
    /// Transactions for which something is being written, with the end of the log when that began: what is written does
    /// not lie before it.
    var busy: [Int64: Int64] = [:]
    /// Earlier offsets of open transactions.
    var aliases: [Int64: Int64] = [:]
    var endedTable: EndedTransactions
    var schedule = MinHeap<DueTime>()
    var order: OffsetOrder
    var ops: OpQueue
    private var reservedCount = 0
    /// Earlier offsets that a copy carries on: the first, which the producer was told, and the last ones.
    package static let originsMax = 16
    /// What could not be written is tried again after this.
    private static let retryMillis: Int64 = 1_000

    /// A table without transactions, over a half queue whose next record gets `nextOffset`.
    package init(limits: Limits = Limits(), nextOffset: Int64 = 0) {
        self.limits = limits
        endedTable = EndedTransactions(countMax: limits.endedMax)
        order = OffsetOrder(next: nextOffset)
        ops = OpQueue(delayMillis: limits.opDelayMillis, bytesMax: limits.opBytesMax)
    }

    /// Open transactions.
    package var openCount: Int { entries.count }

    /// Whether nothing is open and nothing waits to be written.
    package var isIdle: Bool { entries.isEmpty && ops.isEmpty }

    // MARK: Opening

    /// Takes a place for a half message that is about to be stored; false when the table is full.
    package mutating func reserve() -> Bool {
        guard entries.count + reservedCount < limits.openMax else { return false }
        reservedCount += 1
        return true
    }

    /// A half message with a reservation was stored; nil when it was not.
    package mutating func opened(_ half: Half?) {
        reservedCount -= 1
        guard let half else { return }
        order.insert(half.queueOffset)
        insert(half)
    }

    mutating func insert(_ half: Half) {
        // The record is written anew before it is too old, asked or not.
        let due = min(checkMillis(of: half), half.storedMillis + limits.recordMillisMax)
        entries[half.queueOffset] = Entry(half: half, dueMillis: due)
        for origin in half.origins { aliases[origin] = half.queueOffset }
        plan(half.queueOffset, at: due)
    }

    /// When a producer may be asked.
    private func checkMillis(of half: Half) -> Int64 {
        guard half.checkCount == 0 else { return half.storedMillis + limits.checkIntervalMillis }
        return half.firstStoredMillis + min(half.immunityMillis ?? limits.firstCheckMillis, limits.ageMillisMax)
    }

    private mutating func plan(_ offset: Int64, at millis: Int64) {
        schedule.push(DueTime(millis: millis, offset: offset))
        // What ended leaves its time behind: cleared out before it outweighs what is open.
        guard schedule.count > 2 * entries.count + 1_024 else { return }
        schedule = MinHeap(entries.map { DueTime(millis: $0.value.dueMillis, offset: $0.key) })
    }

    // MARK: Ending

    /// Somebody wants to end the transaction that has, or had, this half queue offset. `logEnd` is the end of the log.
    package mutating func end(_ queueOffset: Int64, as end: End, logEnd: Int64) -> EndAnswer {
        let offset = aliases[queueOffset] ?? queueOffset
        guard let entry = entries[offset] else {
            if let known = endedTable.end(of: queueOffset) { return .already(known) }
            return .unknown
        }
        guard busy[offset] == nil else { return .busy }
        guard ops.count < limits.opsMax else { return .full }
        busy[offset] = logEnd
        return .proceed(entry.half)
    }

    /// The record at this offset did what the end asks for (for a rollback there is nothing to do before): the end is to
    /// be written to the op queue, and answered from now on.
    ///
    /// - Parameter recordEnd: an end of the log that lies behind the record that was written for it, when that may not be
    ///   on the disk yet: the op message waits until it is.
    package mutating func ended(
        _ queueOffset: Int64, as end: End, recordEnd: Int64? = nil, nowMillis: Int64
    ) {
        guard let entry = entries.removeValue(forKey: queueOffset) else { return }
        let begun = busy.removeValue(forKey: queueOffset) ?? 0
        for origin in entry.half.origins {
            aliases[origin] = nil
            endedTable.note(origin, end)
        }
        endedTable.note(queueOffset, end)
        ops.add(queueOffset, end, record: recordEnd.map { min(begun, $0)..<$0 }, nowMillis: nowMillis)
    }

    /// What was to be written for this transaction was not: it is open as before, and looked at again after `waitMillis`.
    package mutating func failed(_ queueOffset: Int64, nowMillis: Int64, waitMillis: Int64? = nil) {
        busy[queueOffset] = nil
        guard let entry = entries[queueOffset] else { return }
        let due = waitMillis.map { nowMillis + $0 } ?? max(entry.dueMillis, nowMillis + Self.retryMillis)
        entries[queueOffset]?.dueMillis = due
        plan(queueOffset, at: due)
    }

    // MARK: Checking

    /// Up to `countMax` transactions whose time has come. Each is busy until it is reported about.
    package mutating func due(nowMillis: Int64, countMax: Int, logEnd: Int64) -> [Due] {
        var list: [Due] = []
        while list.count < countMax, let next = schedule.top, next.millis <= nowMillis {
            schedule.pop()
            guard let entry = entries[next.offset], entry.dueMillis == next.millis else { continue }
            guard busy[next.offset] == nil else {
                // Being ended; looked at again in case that fails.
                entries[next.offset]?.dueMillis = nowMillis + Self.retryMillis
                schedule.push(DueTime(millis: nowMillis + Self.retryMillis, offset: next.offset))
                continue
            }
            busy[next.offset] = logEnd
            list.append(action(for: entry.half, nowMillis: nowMillis))
        }
        return list
    }

    private func action(for half: Half, nowMillis: Int64) -> Due {
        let isTooOld = nowMillis - half.firstStoredMillis >= limits.ageMillisMax
        if half.checkCount >= limits.checkCountMax || isTooOld { return .discard(half) }
        return nowMillis < checkMillis(of: half) ? .refresh(half) : .check(half)
    }

    /// Whether a half message that nobody could be asked about needs a fresh record nevertheless.
    package func isRecordOld(_ half: Half, nowMillis: Int64) -> Bool {
        nowMillis - half.storedMillis >= limits.recordMillisMax
    }

    /// A copy of a half message was written and stands for the transaction from now on.
    package mutating func copied(_ queueOffset: Int64, to copy: Half, nowMillis: Int64) {
        order.insert(copy.queueOffset)
        busy[queueOffset] = nil
        guard let entry = entries.removeValue(forKey: queueOffset) else { return }
        ops.add(queueOffset, .copy, nowMillis: nowMillis)
        for origin in entry.half.origins { aliases[origin] = nil }
        insert(copy)
    }

    /// When there is something to do next: a transaction to look at or ends to write; nil when nothing is planned.
    package mutating func nextMillis() -> Int64? {
        while let first = schedule.top, entries[first.offset]?.dueMillis != first.millis { schedule.pop() }
        let due = schedule.top?.millis
        guard let write = ops.dueMillis else { return due }
        return due.map { min($0, write) } ?? write
    }

    // MARK: Writing ends

    /// The ends to write now; empty when none are due, or while others are being written. Report with `opsStored`.
    /// `flushed` is how far the log is on the disk.
    package mutating func takeOps(nowMillis: Int64, isForced: Bool, logEnd: Int64, flushed: Int64) -> [OpBatch] {
        ops.take(nowMillis: nowMillis, isForced: isForced, mark: min(busyFloor, logEnd), flushed: flushed)
    }

    /// The ends that `takeOps` gave were written, at these offsets of the op queue; nil when not all of them were.
    package mutating func opsStored(_ opOffsets: [Int64]?, nowMillis: Int64) {
        ops.finish(opOffsets, nowMillis: nowMillis)
    }

    /// Whether a rollback is not written yet.
    package var isWritingRollbacks: Bool { ops.holds(.rollback) }

    private var busyFloor: Int64 { busy.values.min() ?? .max }

    // MARK: Progress

    /// Everything before this offset of the half queue is done with: Apache's progress of the half queue.
    package mutating func halfLowWater() -> Int64 {
        order.lowWater { entries[$0] != nil }
    }

    /// Everything before this offset of the op queue is of no use any more: Apache's progress of the op queue.
    package mutating func opLowWater(nextOpOffset: Int64) -> Int64 {
        ops.lowWater(halfLowWater: halfLowWater(), nextOpOffset: nextOpOffset)
    }

    /// The log offset before which every record that ended a transaction has its end written to the op queue.
    package func logMark(logEnd: Int64) -> Int64 {
        ops.isEmpty ? min(busyFloor, logEnd) : ops.mark
    }
}
