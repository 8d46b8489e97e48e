import DeliveryEngine
import MessageModel
import Testing

@testable import BrokerServer

@Suite struct OrderedDeliveryTests {
    private func ordered(
        _ attempt: String? = nil, wait: Int64 = 0, max: Int32 = 32
    ) -> (inout PopRequest) -> Void {
        { request in
            request.isOrdered = true
            request.attemptID = attempt
            request.pollMillis = wait
            request.maxCount = max
        }
    }

    @Test func aGroupGoesOnWhenItsMessageIsDone() throws {
        let world = try DeliveryWorld()
        world.sendGroups("aabab")
        let batch = try #require(world.pop(ordered()))
        #expect(batch.queueOffsets == [0, 2])
        #expect(batch.reviveQueueID == 999)
        #expect(batch.restCount == 3)
        let waiting = world.start(ordered(wait: 900))
        try world.ack(2, isOrdered: true)
        #expect(waiting.all.first?.batch?.queueOffsets == [4])
        let next = world.start(ordered(wait: 900))
        #expect(next.count == 0)
        try world.ack(0, isOrdered: true)
        #expect(next.all.first?.batch?.queueOffsets == [1])
    }

    @Test func messagesWithoutAGroupAreOneGroupOfTheQueue() throws {
        let world = try DeliveryWorld(queueCount: 2)
        world.sendGroups("  a")
        world.sendGroups(" ", queueID: 1)
        #expect(
            world.pop(ordered())?.messages.map { [$0.queueID, Int32($0.queueOffset)] } == [[0, 0], [0, 2], [1, 0]])
    }

    @Test func aMessageThatIsGoneHoldsUpNoGroup() throws {
        let world = try DeliveryWorld()
        world.sendGroups("aaab")
        #expect(world.pop(ordered())?.queueOffsets == [0, 3])
        world.service.flushJournal()
        // A power failure took two of them: one handed out and one that waits for its turn.
        world.store.lose([0, 1])
        let next = try world.restarted()
        next.advance(1_000)
        var popped: [Int64] = []
        for _ in 0..<3 { popped += next.pop(ordered())?.queueOffsets ?? [] }
        #expect(popped.sorted() == [2, 3])
        for offset in popped { try next.ack(offset, isOrdered: true) }
        #expect(next.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 4)
    }

    @Test func onePoisonedGroupDelaysNoOther() throws {
        let world = try DeliveryWorld(retryMaxTimes: 2)
        world.sendGroups("p")
        let first = try #require(world.pop(ordered()))
        #expect(first.queueOffsets == [0])
        for offset: Int64 in 1...40 {
            world.sendGroups("pg")
            #expect(world.pop(ordered())?.queueOffsets == [offset * 2])
            try world.ack(offset * 2, isOrdered: true)
        }
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 0)
        // Its attempts end: it is a dead letter, and its group goes on.
        for attempt: Int32 in 2...3 {
            world.advance(1_000)
            #expect(world.pop(ordered())?.attempts == [attempt])
        }
        world.advance(1_000)
        _ = world.pop(ordered())
        #expect(world.store.messages("%DLQ%group").count == 1)
        #expect(world.pop(ordered())?.queueOffsets == [1])
    }

    @Test func aFailedMessageComesAgainBeforeTheNextOfItsGroup() throws {
        let world = try DeliveryWorld()
        world.sendGroups("ab")
        let batch = try #require(world.pop(ordered()))
        world.sendGroups("ab")
        try world.ack(1, isOrdered: true)
        let waiting = world.start(ordered(wait: 5_000))
        #expect(waiting.all.first?.batch?.queueOffsets == [3])
        let again = world.start(ordered(wait: 5_000))
        world.advance(999)
        #expect(again.count == 0)
        world.advance(1)
        let repeated = try #require(again.all.first?.batch)
        #expect(repeated.queueOffsets == [0, 3])
        #expect(repeated.attempts == [2, 2])
        // The work of the first attempt comes too late: somebody else is at it.
        #expect(throws: ServiceError.self) { try world.ack(0, popped: batch.popMillis, isOrdered: true) }
        _ = try world.change(0, popped: repeated.popMillis, isOrdered: true, to: 0)
        #expect(world.pop(ordered())?.attempts == [3])
    }

    @Test func aSmallAnswerLeavesTheRestToOthers() throws {
        let world = try DeliveryWorld()
        let first = world.start(ordered(wait: 900, max: 2))
        let second = world.start(ordered(wait: 900, max: 2))
        #expect(world.pop(ordered()) == nil)
        world.sendGroups("abc")
        #expect(first.all.first?.batch?.queueOffsets == [0])
        #expect(second.all.first?.batch?.queueOffsets == [1])
        #expect(world.pop(ordered(max: 2))?.queueOffsets == [2])
    }

    @Test func theSameAttemptGetsItsBatchAgain() throws {
        let world = try DeliveryWorld()
        world.sendGroups("abc")
        #expect(world.pop(ordered("a"))?.queueOffsets == [0, 1, 2])
        world.advance(100)
        #expect(world.pop(ordered("b")) == nil)
        world.sendGroups("d")
        let again = try #require(world.pop(ordered("a")))
        #expect(again.queueOffsets == [0, 1, 2])
        #expect(again.attempts == [1, 1, 1])
        let renewed = try world.restartedAfterFlush()
        #expect(renewed.pop(ordered("a"))?.queueOffsets == [0, 1, 2])
        #expect(renewed.pop(ordered("b"))?.queueOffsets == [3])
        #expect(renewed.pop(ordered("b"))?.queueOffsets == [3])
        #expect(renewed.pop(ordered("c")) == nil)
    }

    @Test func orderHoldsOverARestart() throws {
        let world = try DeliveryWorld()
        world.sendGroups("aaab")
        let batch = try #require(world.pop(ordered()))
        #expect(batch.queueOffsets == [0, 3])
        let renewed = try world.restartedAfterFlush()
        renewed.sendGroups("c")
        #expect(renewed.pop(ordered())?.queueOffsets == [4])
        try renewed.ack(0, popped: batch.popMillis, isOrdered: true)
        #expect(renewed.pop(ordered())?.queueOffsets == [1])
        let snapshot = renewed
        snapshot.service.close()
        let third = try snapshot.restarted()
        #expect(third.pop(ordered()) == nil)
        try third.ack(1, isOrdered: true)
        #expect(third.pop(ordered())?.queueOffsets == [2])
    }

    @Test func aFullLookAheadHoldsTheQueueUntilItsGroupsGoOn() throws {
        var configuration = DeliveryConfiguration()
        configuration.ledger = AckLedger.Limits(deferredMax: 2)
        let world = try DeliveryWorld(configuration: configuration)
        world.sendGroups("aaaab")
        #expect(world.pop(ordered())?.queueOffsets == [0])
        let waiting = world.start(ordered(wait: 900))
        try world.ack(0, isOrdered: true)
        #expect(waiting.all.first?.batch?.queueOffsets == [1, 4])
    }

    @Test func whatAnUnorderedPopHandedOutCountsForOrder() throws {
        let world = try DeliveryWorld()
        world.sendGroups("ab")
        #expect(world.pop { $0.maxCount = 1 }?.queueOffsets == [0])
        world.sendGroups("a")
        #expect(world.pop(ordered())?.queueOffsets == [1])
        try world.ack(0)
        #expect(world.pop(ordered())?.queueOffsets == [2])
    }

    @Test func aLongRunOfABusyGroupIsLookedThrough() throws {
        let world = try DeliveryWorld()
        world.sendGroups(String(repeating: "a", count: 500) + "b")
        #expect(world.pop(ordered())?.queueOffsets == [0, 500])
    }

    @Test func changesKeepThePopTimeOfTheBatch() throws {
        let world = try DeliveryWorld()
        world.send(1)
        let batch = try #require(world.pop { $0.isOrdered = true })
        world.advance(400)
        let changed = try world.change(0, popped: batch.popMillis, isOrdered: true, to: 1_000)
        #expect(changed == ChangedHandle(popMillis: batch.popMillis, invisibleMillis: 1_400, reviveQueueID: 999))
        try world.ack(0, popped: batch.popMillis, isOrdered: true)
    }
}
