import Testing

@testable import DeliveryEngine

@Suite("Table of open transactions")
struct TransactionTableTests {
    private typealias Half = TransactionTable.Half

    private func half(_ offset: Int64, at millis: Int64 = 0) -> TransactionTable.Half {
        Half(queueOffset: offset, logOffset: offset * 100, storedMillis: millis)
    }

    private func table(_ offsets: Int64...) -> TransactionTable {
        var table = TransactionTable()
        for offset in offsets {
            #expect(table.reserve() == true)
            table.opened(half(offset))
        }
        return table
    }

    @Test("a transaction takes one end, and nothing while one is being written")
    func end() {
        var table = table(0)
        #expect(table.end(0, as: .commit, logEnd: 500) == .proceed(half(0)))
        #expect(table.end(0, as: .commit, logEnd: 500) == .busy)
        #expect(table.end(0, as: .rollback, logEnd: 500) == .busy)
        table.failed(0, nowMillis: 10)
        #expect(table.end(0, as: .rollback, logEnd: 500) == .proceed(half(0)))
        table.ended(0, as: .rollback, nowMillis: 10)
        #expect(table.end(0, as: .commit, logEnd: 500) == .already(.rollback))
        #expect(table.end(9, as: .commit, logEnd: 500) == .unknown)
    }

    @Test("a check moves the transaction to its copy, which it is ended by under any name")
    func check() {
        var table = table(0)
        #expect(table.due(nowMillis: 5_999, countMax: 9, logEnd: 0) == [])
        #expect(table.due(nowMillis: 6_000, countMax: 9, logEnd: 0) == [.check(half(0))])
        #expect(table.due(nowMillis: 6_000, countMax: 9, logEnd: 0) == [])
        let copy = half(0).copy(queueOffset: 1, logOffset: 100, storedMillis: 6_000, isAsked: true)
        #expect(copy.checkCount == 1 && copy.origins == [0] && copy.firstStoredMillis == 0)
        table.copied(0, to: copy, nowMillis: 6_000)
        #expect(table.openCount == 1)
        #expect(table.end(0, as: .commit, logEnd: 0) == .proceed(copy))
        table.ended(1, as: .commit, nowMillis: 6_001)
        #expect(table.end(0, as: .commit, logEnd: 0) == .already(.commit))
        #expect(table.end(1, as: .rollback, logEnd: 0) == .already(.commit))
        let batches = table.takeOps(nowMillis: 6_001, isForced: true, logEnd: 0, flushed: .max)
        #expect(Set(batches) == [.init(end: .copy, offsets: [0]), .init(end: .commit, offsets: [1])])
    }

    @Test("what is being ended is not asked about; when that fails it is, later")
    func endWhileDue() {
        var table = table(0)
        #expect(table.end(0, as: .commit, logEnd: 0) == .proceed(half(0)))
        #expect(table.due(nowMillis: 6_000, countMax: 9, logEnd: 0) == [])
        table.failed(0, nowMillis: 6_001)
        #expect(table.due(nowMillis: 6_999, countMax: 9, logEnd: 0) == [])
        #expect(table.due(nowMillis: 7_100, countMax: 9, logEnd: 0) == [.check(half(0))])
    }

    @Test("the bound on open transactions counts those on their way")
    func bound() {
        var limits = TransactionTable.Limits()
        limits.openMax = 2
        var table = TransactionTable(limits: limits)
        #expect(table.reserve() && table.reserve())
        #expect(table.reserve() == false)
        table.opened(nil)
        #expect(table.reserve() == true)
        table.opened(half(0))
        table.opened(half(1))
        #expect(table.reserve() == false)
    }

    @Test("progress passes neither an open transaction nor one that is being stored")
    func lowWater() {
        var table = table(0, 1, 3)
        #expect(table.halfLowWater() == 0)
        for offset in [0, 1, 3] as [Int64] {
            _ = table.end(offset, as: .rollback, logEnd: 0)
            table.ended(offset, as: .rollback, nowMillis: 0)
        }
        // Offset 2 was given out and is not reported yet.
        #expect(table.halfLowWater() == 2)
        #expect(table.reserve() == true)
        table.opened(half(2))
        #expect(table.halfLowWater() == 2)
        _ = table.end(2, as: .rollback, logEnd: 0)
        table.ended(2, as: .rollback, nowMillis: 0)
        #expect(table.halfLowWater() == 4)
    }

    @Test("op messages are needed as long as one of their transactions is before the half queue's progress")
    func opLowWater() {
        var table = table(0, 1, 2)
        for offset in [1, 0] as [Int64] {
            _ = table.end(offset, as: .commit, logEnd: 0)
            table.ended(offset, as: .commit, nowMillis: 0)
            #expect(table.takeOps(nowMillis: 0, isForced: true, logEnd: 0, flushed: .max).count == 1)
            table.opsStored([10 + offset], nowMillis: 0)
            if offset == 1 { #expect(table.opLowWater(nextOpOffset: 12) == 11) }
        }
        #expect(table.opLowWater(nextOpOffset: 12) == 12)
    }

    @Test("the log's mark stays before what is being written and before ends without an op")
    func mark() {
        var table = table(0, 1)
        #expect(table.logMark(logEnd: 900) == 900)
        _ = table.end(0, as: .commit, logEnd: 1_000)
        #expect(table.logMark(logEnd: 1_100) == 1_000)
        table.ended(0, as: .commit, nowMillis: 0)
        _ = table.end(1, as: .commit, logEnd: 1_200)
        #expect(table.takeOps(nowMillis: 0, isForced: true, logEnd: 1_300, flushed: .max).count == 1)
        #expect(table.logMark(logEnd: 1_400) == 0)
        table.opsStored([0], nowMillis: 0)
        #expect(table.logMark(logEnd: 1_400) == 1_200)
        table.ended(1, as: .commit, nowMillis: 0)
        #expect(table.logMark(logEnd: 1_500) == 1_200)
        _ = table.takeOps(nowMillis: 0, isForced: true, logEnd: 1_500, flushed: .max)
        table.opsStored(nil, nowMillis: 0)
        #expect(table.logMark(logEnd: 1_600) == 1_200)
        #expect(table.takeOps(nowMillis: 999, isForced: false, logEnd: 1_600, flushed: .max) == [])
        #expect(table.takeOps(nowMillis: 1_000, isForced: false, logEnd: 1_600, flushed: .max).count == 1)
        table.opsStored([1], nowMillis: 1_000)
        #expect(table.logMark(logEnd: 1_700) == 1_700)
    }

    @Test("an op message waits until what ended its transaction is on the disk, others do not wait with it")
    func waitsForDisk() {
        var table = table(0, 1)
        _ = table.end(0, as: .commit, logEnd: 1_000)
        table.ended(0, as: .commit, recordEnd: 1_100, nowMillis: 0)
        _ = table.end(1, as: .rollback, logEnd: 1_200)
        table.ended(1, as: .rollback, nowMillis: 0)
        #expect(
            table.takeOps(nowMillis: 5_000, isForced: true, logEnd: 1_200, flushed: 1_099)
                == [.init(end: .rollback, offsets: [1])])
        table.opsStored([0], nowMillis: 5_000)
        #expect(table.logMark(logEnd: 1_300) == 1_000)
        // It is not asked about all the time.
        #expect(table.nextMillis() == 5_100)
        #expect(table.takeOps(nowMillis: 5_099, isForced: false, logEnd: 1_300, flushed: 1_100) == [])
        #expect(
            table.takeOps(nowMillis: 5_100, isForced: false, logEnd: 1_300, flushed: 1_100)
                == [.init(end: .commit, offsets: [0])])
        table.opsStored([1], nowMillis: 5_100)
        #expect(table.logMark(logEnd: 1_400) == 1_400)
        #expect(table.isIdle)
    }

    @Test("ends that come while others wait for the disk are written at their own time")
    func ownTime() {
        var table = table(0, 1)
        _ = table.end(0, as: .commit, logEnd: 1_000)
        table.ended(0, as: .commit, recordEnd: 1_100, nowMillis: 0)
        let due = table.nextMillis() ?? 0
        _ = table.end(1, as: .commit, logEnd: 1_200)
        table.ended(1, as: .commit, recordEnd: 1_300, nowMillis: due - 1)
        #expect(
            table.takeOps(nowMillis: due, isForced: false, logEnd: 1_300, flushed: 1_100)
                == [.init(end: .commit, offsets: [0])])
        table.opsStored([0], nowMillis: due)
        #expect(table.nextMillis() == 2 * due - 1)
    }

    @Test("only so many ends are remembered, the oldest go first")
    func remembered() {
        var ended = EndedTransactions(countMax: 3)
        for offset in 0..<5 as Range<Int64> { ended.note(offset, .commit) }
        ended.note(4, .rollback)
        #expect((0..<5).map { ended.end(of: $0) } == [nil, nil, .commit, .commit, .rollback])
    }

    @Test("what ended leaves no trace in the schedule for long")
    func schedule() {
        var table = TransactionTable()
        for offset in 0..<10_000 as Range<Int64> {
            #expect(table.reserve() == true)
            table.opened(half(offset))
            _ = table.end(offset, as: .rollback, logEnd: 0)
            table.ended(offset, as: .rollback, nowMillis: 0)
            _ = table.takeOps(nowMillis: 0, isForced: true, logEnd: 0, flushed: .max)
            table.opsStored([offset], nowMillis: 0)
        }
        #expect(table.schedule.count <= 1_026)
        #expect(table.nextMillis() == nil && table.isIdle)
        #expect(table.halfLowWater() == 10_000)
    }

    @Test("a copy names the first and the last of many originals")
    func origins() {
        var copy = half(0)
        for offset in 1...40 as ClosedRange<Int64> {
            copy = copy.copy(queueOffset: offset, logOffset: offset, storedMillis: offset, isAsked: false)
        }
        #expect(copy.origins.count == 16 && copy.origins[0] == 0 && copy.origins[15] == 39)
    }
}
