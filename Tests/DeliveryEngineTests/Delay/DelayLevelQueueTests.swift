import Testing

@testable import DeliveryEngine

@Suite("The queue of a delay level")
struct DelayLevelQueueTests {
    private func queue() -> DelayLevelQueue { DelayLevelQueue(level: 2, delayMillis: 5_000, nextOffset: 0) }

    private func examine(
        _ queue: inout DelayLevelQueue, _ offset: Int64, stored: Int64, end: Int64 = 10, now: Int64
    ) -> DelayLevelQueue.Verdict {
        queue.examine(offset: offset, storeTimestampMillis: stored, endOffset: end, nowMillis: now)
    }

    @Test("waits for the first, delivers what is due, sleeps when empty, wakes on arrival")
    func transcript() {
        var queue = queue()
        #expect(queue.queueID == 1)
        #expect(queue.readAtMillis(nowMillis: 1_000) == .min)
        #expect(examine(&queue, 0, stored: 1_000, now: 5_999) == .wait)
        #expect(queue.readAtMillis(nowMillis: 5_999) == 6_000)
        queue.arrived()
        #expect(queue.readAtMillis(nowMillis: 5_999) == 6_000)
        #expect(examine(&queue, 0, stored: 1_000, now: 6_000) == .deliver)
        #expect(examine(&queue, 1, stored: 1_001, now: 6_000) == .wait)
        queue.advance(to: 1)
        #expect(queue.nextOffset == 1)
        #expect(queue.readAtMillis(nowMillis: 6_000) == .min)
        queue.exhausted()
        #expect(queue.readAtMillis(nowMillis: 6_000) == nil)
        queue.arrived()
        #expect(queue.readAtMillis(nowMillis: 6_000) == .min)
    }

    @Test("a failure is tried again later, from the message that failed")
    func failure() {
        var queue = queue()
        queue.advance(to: 3)
        queue.failed(retryAtMillis: 700)
        #expect(queue.nextOffset == 3)
        #expect(queue.readAtMillis(nowMillis: 600) == 700)
    }

    @Test("the position is kept within the queue")
    func correction() {
        var queue = DelayLevelQueue(level: 1, delayMillis: 1_000, nextOffset: 7)
        queue.correct(minOffset: 2, maxOffset: 5)
        #expect(queue.nextOffset == 5)
        queue.correct(minOffset: 8, maxOffset: 9)
        #expect(queue.nextOffset == 8)
        queue.advance(to: 3)
        #expect(queue.nextOffset == 8)
    }

    @Test("a clock that was set back makes nothing early and nothing wait for much longer than its delay")
    func clockSetBack() {
        var queue = queue()
        // Stored at 100,000 and 101,000; then the clock goes back to 50,000, where one more is stored.
        #expect(examine(&queue, 0, stored: 100_000, end: 3, now: 101_000) == .wait)
        #expect(queue.readAtMillis(nowMillis: 50_000) == .min)
        #expect(examine(&queue, 0, stored: 100_000, end: 3, now: 50_000) == .wait)
        #expect(queue.readAtMillis(nowMillis: 50_000) == 55_000)
        #expect(examine(&queue, 0, stored: 100_000, end: 3, now: 54_999) == .wait)
        #expect(examine(&queue, 0, stored: 100_000, end: 3, now: 55_000) == .deliver)
        queue.advance(to: 1)
        #expect(examine(&queue, 1, stored: 101_000, end: 3, now: 55_999) == .wait)
        #expect(examine(&queue, 1, stored: 101_000, end: 3, now: 56_000) == .deliver)
        queue.advance(to: 2)
        #expect(examine(&queue, 2, stored: 50_000, end: 3, now: 54_999) == .wait)
        #expect(examine(&queue, 2, stored: 50_000, end: 3, now: 55_000) == .deliver)
    }

    @Test("copies found in the log stand for as many messages as there are copies")
    func copies() {
        func identity(_ key: String, attempt: Int32 = 0) -> DeliveredCopies.Identity {
            DeliveredCopies.Identity(
                topic: "T", queueID: 1, uniqueKey: key, bornTimestampMillis: 5, reconsumeTimes: attempt, delay: "3")
        }
        var copies = DeliveredCopies()
        copies.insert(identity("a"))
        copies.insert(identity("b"))
        copies.insert(identity("b"))
        let wanted = [identity("a", attempt: 1), identity("a"), identity("a"), identity("b"), identity("b")]
        let taken = wanted.map { copies.take($0) }
        #expect(taken == [false, true, false, true, true])
        #expect(copies.isEmpty)
    }
}
