import Testing

@testable import DeliveryEngine

@Suite struct WaiterIndexTests {
    private func park(
        _ index: inout QueueWaiters<String>, _ name: String, queue: Int32 = -1, deadline: Int64 = 100, capacity: Int = 1
    ) -> WaiterID? {
        index.park(queueID: queue, deadlineMillis: deadline, capacity: capacity, name)
    }

    @Test func wakesThoseOfTheQueueThenThoseOfAllQueuesOldestFirst() {
        var index = QueueWaiters<String>()
        _ = park(&index, "all-1")
        _ = park(&index, "q3-1", queue: 3)
        _ = park(&index, "q3-2", queue: 3)
        _ = park(&index, "q4", queue: 4)
        _ = park(&index, "all-2")
        #expect(index.wake(queueID: 3, messageCount: 1) == ["q3-1"])
        #expect(index.wake(queueID: 3, messageCount: 2) == ["q3-2", "all-1"])
        #expect(index.wake(queueID: 5, messageCount: 9) == ["all-2"])
        #expect(index.wake(queueID: 5, messageCount: 9) == [])
        #expect(index.count == 1)
    }

    @Test func wakesAsManyAsTheMessagesNeed() {
        var index = QueueWaiters<String>()
        for name in ["a", "b", "c"] { _ = park(&index, name, capacity: 32) }
        #expect(index.wake(queueID: 0, messageCount: 33) == ["a", "b"])
    }

    @Test func passesOverThoseThatCannotUseTheEvent() {
        var index = QueueWaiters<String>()
        _ = park(&index, "red")
        _ = park(&index, "blue")
        #expect(index.wake(queueID: 0, messageCount: 1) { $0 == "blue" } == ["blue"])
        #expect(index.count(queueID: -1) == 1)
    }

    @Test func expiresInTimeAndKnowsTheNextDeadline() {
        var index = QueueWaiters<String>()
        _ = park(&index, "late", deadline: 300)
        _ = park(&index, "early", queue: 1, deadline: 100)
        #expect(index.nextDeadlineMillis() == 100)
        #expect(index.expire(nowMillis: 99) == [])
        #expect(index.expire(nowMillis: 100) == ["early"])
        #expect(index.nextDeadlineMillis() == 300)
        #expect(index.wake(queueID: 0, messageCount: 1) == ["late"])
        #expect(index.nextDeadlineMillis() == nil)
    }

    @Test func isBoundedByKey() {
        var index = QueueWaiters<String>(limitPerKey: 2)
        #expect(park(&index, "a") != nil)
        #expect(park(&index, "b") != nil)
        #expect(park(&index, "c") == nil)
        #expect(park(&index, "q", queue: 0) != nil)
        #expect(index.wake(queueID: 7, messageCount: 1) == ["a"])
        #expect(park(&index, "c") != nil)
    }

    @Test func anOldNameCancelsNothing() throws {
        var index = QueueWaiters<String>()
        let first = try #require(park(&index, "a"))
        #expect(index.cancel(first) == "a")
        let second = try #require(park(&index, "b"))
        #expect(index.cancel(first) == nil)
        #expect(index.removeAll() == ["b"])
        #expect(index.cancel(second) == nil)
        #expect(index.isEmpty)
        #expect(park(&index, "c") != nil)
        #expect(index.expire(nowMillis: 1000) == ["c"])
    }

    @Test func staysSmallWhenRequestsComeAndGo() {
        var index = QueueWaiters<String>()
        _ = park(&index, "rest", deadline: 1)
        for number in 0..<5000 {
            _ = park(&index, "x", queue: Int32(number % 7), deadline: Int64(1000 + number))
            #expect(index.wake(queueID: Int32(number % 7), messageCount: 1) == ["x"])
        }
        #expect(index.nextDeadlineMillis() == 1)
        #expect(index.expire(nowMillis: 10_000) == ["rest"])
    }
}
