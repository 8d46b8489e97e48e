import Testing

@testable import DeliveryEngine

@Suite("The index of timers")
struct TimerIndexTests {
    private func entry(_ due: Int64, _ offset: Int64) -> TimerIndex.Entry {
        TimerIndex.Entry(dueMillis: due, queueOffset: offset, logOffset: offset * 100, size: 100, topicHash: 0)
    }

    private func take(_ index: inout TimerIndex, _ now: Int64, max: Int = 100) -> [Int64] {
        index.takeDue(nowMillis: now, countMax: max).map(\.queueOffset)
    }

    @Test("gives what is due in the order of the times, never before")
    func order() {
        var index = TimerIndex(from: TimerIndex.Progress())
        index.insert(entry(5_500, 0), key: "a", rollCount: 0)
        index.insert(entry(3_000, 1), key: "b", rollCount: 0)
        index.insert(entry(5_500, 2), key: "c", rollCount: 0)
        #expect(index.dueMillis == 3_000 && index.readOffset == 3 && index.count == 3)
        #expect(take(&index, 2_999) == [])
        #expect(take(&index, 5_499) == [1])
        #expect(take(&index, 5_500, max: 1) == [0])
        #expect(take(&index, 5_500) == [2])
        #expect(index.dueMillis == nil)
    }

    @Test("the progress vouches only for what is delivered")
    func progress() {
        var index = TimerIndex(from: TimerIndex.Progress())
        index.insert(entry(5_000, 0), key: "a", rollCount: 0)
        index.insert(entry(3_000, 1), key: "b", rollCount: 0)
        #expect(index.progress(nowMillis: 4_000) == .init(queueOffset: 2, deliveredThroughMillis: 2_999))
        _ = take(&index, 4_000)
        #expect(index.progress(nowMillis: 4_000) == .init(queueOffset: 2, deliveredThroughMillis: 4_000))
        #expect(index.progress(nowMillis: 9_000) == .init(queueOffset: 2, deliveredThroughMillis: 4_999))

        var next = TimerIndex(from: .init(queueOffset: 2, deliveredThroughMillis: 4_000))
        next.insert(entry(5_000, 0), key: "a", rollCount: 0)
        // Until all is read again, the old progress holds.
        #expect(next.progress(nowMillis: 9_000) == .init(queueOffset: 2, deliveredThroughMillis: 4_000))
        next.insert(entry(3_000, 1), key: "b", rollCount: 0)
        next.insert(entry(3_500, 2), key: "late", rollCount: 0)
        #expect(take(&next, 9_000) == [2, 0])
    }

    @Test("what could not be written comes again, and nothing before its time")
    func retry() {
        var index = TimerIndex(from: TimerIndex.Progress())
        index.insert(entry(1_000, 0), key: "a", rollCount: 0)
        let taken = index.takeDue(nowMillis: 1_000, countMax: 10)
        index.putBack(taken, retryAtMillis: 1_100)
        index.insert(entry(900, 1), key: "b", rollCount: 0)
        #expect(index.dueMillis == 1_100)
        #expect(take(&index, 1_099) == [])
        #expect(take(&index, 1_100) == [1, 0])
    }

    @Test("what cannot be read holds up nothing else, still waits, and comes again")
    func unreadable() {
        var index = TimerIndex(from: TimerIndex.Progress())
        for offset in 0..<4 as Range<Int64> { index.insert(entry(1_000 + offset, offset), key: "k", rollCount: 0) }
        index.insert(entry(9_000, 4), key: "k", rollCount: 0)
        index.setAside(index.takeDue(nowMillis: 2_000, countMax: 2), retryAtMillis: 7_000)
        #expect(index.count == 5 && index.countsByTopicHash == [0: 5])
        #expect(take(&index, 2_000) == [2, 3])
        #expect(index.dueMillis == 7_000 && index.waitingFrom == 1_000)
        #expect(index.progress(nowMillis: 3_000).deliveredThroughMillis == 999)
        #expect(take(&index, 6_999) == [])
        #expect(take(&index, 7_000) == [0, 1])
        #expect(index.dueMillis == 9_000 && index.waitingFrom == 9_000)
    }

    @Test("a recall counts for its slot, over a restart too")
    func recall() {
        var index = TimerIndex(from: TimerIndex.Progress())
        index.insert(entry(5_500, 0), key: "T+a", rollCount: 0)
        index.insertRecall(entry(6_000, 1), of: "T+a", key: "-T+a", rollCount: 0)
        #expect(index.isRecalled("T+a", dueMillis: 5_500))
        #expect(!index.isRecalled("T+b", dueMillis: 5_500) && !index.isRecalled("T+a", dueMillis: 6_500))
        _ = take(&index, 5_200)
        let progress = index.progress(nowMillis: 5_200)
        var next = TimerIndex(from: progress)
        next.insert(entry(5_500, 0), key: "T+a", rollCount: 0)
        next.insertRecall(entry(6_000, 1), of: "T+a", key: "-T+a", rollCount: 0)
        #expect(take(&next, 7_000) == [0, 1])
        #expect(next.isRecalled("T+a", dueMillis: 5_500))
        _ = take(&next, 20_000)
        #expect(!next.isRecalled("T+a", dueMillis: 5_500))
    }

    @Test("a message that was written anew replaces the older one")
    func replaced() {
        var index = TimerIndex(from: TimerIndex.Progress())
        let old = entry(500_000, 0)
        index.insert(old, key: "a", rollCount: 0)
        #expect(index.verdict(onOld: old, key: "a", nowMillis: 1_000) == .roll)
        #expect(index.verdict(onOld: old, key: "a", nowMillis: 499_000) == .wait)
        let new = entry(500_000, 1)
        index.insert(new, key: "a", rollCount: 1)
        #expect(index.isReplaced(old, key: "a") && !index.isReplaced(new, key: "a"))
        #expect(index.verdict(onOld: old, key: "a", nowMillis: 1_000) == .pass)
        index.raiseFloor(to: 1)
        #expect(index.progress(nowMillis: 1_000).floorOffset == 1)
        index.settled(new, key: "a")
        #expect(!index.isReplaced(old, key: "a"))
    }

    @Test("positions are kept within the queue")
    func correction() {
        var index = TimerIndex(from: .init(queueOffset: 9, deliveredThroughMillis: 1, floorOffset: 2))
        #expect(index.readOffset == 2)
        index.correct(minOffset: 4, maxOffset: 9)
        #expect(index.readOffset == 4 && index.floorOffset == 4)
        index.raiseFloor(to: 100)
        #expect(index.floorOffset == 4)
    }
}
