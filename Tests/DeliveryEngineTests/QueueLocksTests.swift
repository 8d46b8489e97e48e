import Testing

@testable import DeliveryEngine

@Suite struct QueueLocksTests {
    private func queues(_ numbers: Int32...) -> [QueueLocks.Queue] {
        numbers.map { QueueLocks.Queue(topic: "T", queueID: $0) }
    }

    @Test func aQueueHasOneHolderInAGroup() {
        var locks = QueueLocks()
        #expect(locks.lock(group: "g", clientID: "a", queues: queues(0, 1), nowMillis: 0) == queues(0, 1))
        #expect(locks.lock(group: "g", clientID: "b", queues: queues(1, 2), nowMillis: 1) == queues(2))
        #expect(locks.lock(group: "other", clientID: "b", queues: queues(1), nowMillis: 1) == queues(1))
        #expect(locks.count == 4)
    }

    @Test func aLeaseLastsAMinuteFromItsRenewal() {
        var locks = QueueLocks()
        _ = locks.lock(group: "g", clientID: "a", queues: queues(0), nowMillis: 0)
        #expect(locks.lock(group: "g", clientID: "a", queues: queues(0), nowMillis: 40_000) == queues(0))
        #expect(locks.lock(group: "g", clientID: "b", queues: queues(0), nowMillis: 99_999) == [])
        #expect(locks.isOrdered(group: "g", nowMillis: 99_999))
        #expect(!locks.isOrdered(group: "g", nowMillis: 100_000))
        #expect(locks.lock(group: "g", clientID: "b", queues: queues(0), nowMillis: 100_000) == queues(0))
        #expect(locks.count == 1)
    }

    @Test func onlyTheHolderGivesBack() {
        var locks = QueueLocks()
        _ = locks.lock(group: "g", clientID: "a", queues: queues(0, 1), nowMillis: 0)
        locks.unlock(group: "g", clientID: "b", queues: queues(0))
        #expect(locks.lock(group: "g", clientID: "b", queues: queues(0), nowMillis: 1) == [])
        locks.unlock(group: "g", clientID: "a", queues: queues(0, 7))
        #expect(locks.lock(group: "g", clientID: "b", queues: queues(0, 1), nowMillis: 2) == queues(0))
        locks.unlock(group: "none", clientID: "a", queues: queues(0))
        #expect(locks.count == 2)
    }

    @Test func whatRanOutIsDroppedAndTheTableIsBounded() {
        var locks = QueueLocks(leasesMax: 2)
        #expect(locks.lock(group: "g", clientID: "a", queues: queues(0, 1, 2), nowMillis: 0) == queues(0, 1))
        locks.expire(nowMillis: 59_999)
        #expect(locks.count == 2)
        locks.expire(nowMillis: 60_000)
        #expect(locks.count == 0)
        #expect(locks.lock(group: "g", clientID: "b", queues: queues(2), nowMillis: 60_000) == queues(2))
    }
}
