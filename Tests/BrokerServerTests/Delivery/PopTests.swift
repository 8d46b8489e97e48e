import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite struct PopTests {
    @Test func handsOutAndAcks() throws {
        let world = try DeliveryWorld()
        world.send(3)
        let batch = try #require(world.pop())
        #expect(batch.queueOffsets == [0, 1, 2])
        #expect(batch.attempts == [1, 1, 1])
        #expect(batch.popMillis == world.now)
        #expect(batch.restCount == 0)
        #expect(try batch.records().map(\.queueOffset) == [0, 1, 2])
        #expect(world.pop() == nil)
        for offset in batch.queueOffsets { try world.ack(offset) }
        world.advance(10_000)
        #expect(world.pop() == nil)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 3)
    }

    @Test func redeliversAfterTheInvisibleTimeWithAttemptTwo() throws {
        let world = try DeliveryWorld()
        world.send(2)
        let first = try #require(world.pop())
        try world.ack(0)
        world.advance(999)
        #expect(world.pop() == nil)
        world.advance(1)
        let second = try #require(world.pop())
        #expect(second.queueOffsets == [1])
        #expect(second.attempts == [2])
        #expect(try second.records().map(\.reconsumeTimes) == [1])
        // The handle of the first attempt still says that the work is done.
        try world.ack(1, popped: first.popMillis)
        world.advance(10_000)
        #expect(world.pop() == nil)
    }

    @Test func repeatsComeBeforeNewOnesInTheOrderOfVisibility() throws {
        let world = try DeliveryWorld(queueCount: 2)
        world.send(2, queueID: 0)
        world.send(1, queueID: 1)
        let batch = try #require(world.pop())
        #expect(batch.messages.count == 3)
        _ = try world.change(0, queueID: 1, to: 500)
        world.send(5, queueID: 0)
        world.advance(1_000)
        let two = try #require(world.pop { $0.maxCount = 2 })
        #expect(two.messages.map(\.queueID) == [1, 0])
        #expect(two.attempts == [2, 2])
        let rest = try #require(world.pop())
        #expect(rest.queueOffsets == [1, 2, 3, 4, 5, 6])
        #expect(rest.attempts == [2, 1, 1, 1, 1, 1])
    }

    @Test func looksAtAllQueuesAndTellsWhatIsLeft() throws {
        let world = try DeliveryWorld(queueCount: 4)
        for queueID: Int32 in 0..<4 { world.send(10, queueID: queueID) }
        var seen = Set<String>()
        for _ in 0..<4 {
            let batch = try #require(world.pop { $0.maxCount = 10 })
            for message in batch.messages {
                #expect(seen.insert("\(message.queueID)/\(message.queueOffset)").inserted)
            }
        }
        #expect(seen.count == 40)
        world.send(3, queueID: 2)
        #expect(world.pop { $0.queueID = 1 } == nil)
        let left = try #require(
            world.pop {
                $0.queueID = 2
                $0.maxCount = 1
            })
        #expect(left.restCount == 2)
    }

    @Test func filtersByTag() throws {
        let world = try DeliveryWorld()
        for tag in ["a", "b", "a", "c"] { world.send(tag: tag) }
        let batch = try #require(world.pop { $0.expression = "a || c" })
        #expect(batch.queueOffsets == [0, 2, 3])
        world.advance(1_000)
        let again = try #require(world.pop { $0.expression = "c" })
        #expect(again.queueOffsets == [3])
        try world.ack(3)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 4)
        #expect(world.start { $0.expression = "||" }.all.map(\.word) == ["failed 23"])
    }

    @Test func filtersByProperties() throws {
        let world = try DeliveryWorld()
        for tag in ["a", "b", "a", "c"] { world.send(tag: tag) }
        func sql(_ expression: String) -> (inout PopRequest) -> Void {
            { request in
                request.expressionType = "SQL92"
                request.expression = expression
            }
        }
        let batch = try #require(world.pop(sql("TAGS <> 'a'")))
        #expect(batch.queueOffsets == [1, 3])
        world.advance(1_000)
        // What comes again is filtered as well.
        let again = try #require(world.pop(sql("TAGS = 'c'")))
        #expect(again.queueOffsets == [3])
        try world.ack(3)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 4)
        #expect(world.start(sql("TAGS >")).all.map(\.word) == ["failed 23"])
        #expect(
            world.start {
                $0.expressionType = "CLASS"; $0.expression = "x"
            }.all.map(\.word) == ["failed 23"])
        let waiting = world.start { request in
            sql("TAGS = 'z'")(&request)
            request.pollMillis = 10_000
        }
        world.send(tag: "y")
        #expect(waiting.count == 0)
        world.send(tag: "z")
        #expect(waiting.all.first?.batch?.queueOffsets == [5])
    }

    @Test func checksInApachesOrder() throws {
        let world = try DeliveryWorld()
        func word(_ change: (inout PopRequest) -> Void) -> String { world.start(change).all.map(\.word).joined() }
        #expect(word { $0.maxCount = 33 } == "failed 29")
        #expect(word { $0.maxCount = 0 } == "failed 29")
        #expect(word { $0.topic = "none" } == "failed 17")
        #expect(word { $0.queueID = 1 } == "failed 29")
        #expect(word { $0.group = "none" } == "failed 26")
        #expect(word { $0.invisibleMillis = .max } == "failed 29")
        #expect(
            word { request in
                request.bornMillis = world.now - 601
                request.pollMillis = 100
                request.topic = "none"
            } == "timedOut")
        world.groups.withLockedValue { $0["group"]?.consumeEnable = false }
        #expect(word { _ in } == "failed 16")
        world.topics.withLockedValue { $0["T"]?.permission = .write }
        #expect(word { $0.group = "none" } == "failed 16")
    }

    @Test func newGroupsStartByTheRule() throws {
        let store = MemoryDeliveryStore()
        for _ in 0..<10 { store.add("T") }
        // The queue still has its first message: everything, whatever the mode.
        #expect(try DeliveryWorld(store).pop { $0.start = .latest }?.queueOffsets.first == 0)
        store.expire("T", before: 4)
        #expect(try DeliveryWorld(store).pop { $0.start = .latest }?.queueOffsets == [9])
        #expect(try DeliveryWorld(store).pop { $0.start = .earliest }?.queueOffsets.first == 4)
        let world = try DeliveryWorld(store)
        world.offsets.commit(group: "group", topic: "T", queueID: 0, offset: 7)
        #expect(world.pop()?.queueOffsets == [7, 8, 9])
    }

    @Test func aMessageThatCannotBeReadIsTriedAgain() throws {
        let world = try DeliveryWorld()
        world.send(2)
        _ = world.pop()
        world.advance(1_000)
        world.store.makeUnreadable([0])
        #expect(world.pop()?.queueOffsets == [1])
        world.store.makeUnreadable([])
        #expect(world.pop() == nil)
        _ = try world.change(1, to: 60_000)
        world.advance(1_000)
        let batch = try #require(world.pop())
        #expect(batch.queueOffsets == [0])
        #expect(batch.attempts == [2])
    }

    @Test func aMessageThatIsGoneIsDone() throws {
        let world = try DeliveryWorld(retryMaxTimes: 1)
        world.send(3)
        _ = world.pop()
        world.store.lose([0])
        world.advance(1_000)
        #expect(world.pop()?.queueOffsets == [1, 2])
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 1)
        // On the way to the dead-letter queue too.
        world.store.lose([1])
        world.advance(1_000)
        #expect(world.pop() == nil)
        #expect(world.store.messages("%DLQ%group").count == 1)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 3)
        world.service.flushJournal()
        let next = try world.restarted()
        #expect(next.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 3)
    }

    @Test func retentionTakesMessagesOutOfTheLedger() throws {
        let world = try DeliveryWorld()
        world.send(5)
        #expect(world.pop { $0.maxCount = 3 }?.queueOffsets == [0, 1, 2])
        world.store.expire("T", before: 2)
        world.advance(1_000)
        #expect(world.pop()?.queueOffsets == [2, 3, 4])
        #expect(throws: ServiceError.self) { try world.ack(1) }
    }

    @Test func aFullLedgerHandsOutNoMoreUntilAnAckOpensIt() throws {
        var configuration = DeliveryConfiguration()
        configuration.ledger = AckLedger.Limits(inFlightMax: 4)
        let world = try DeliveryWorld(configuration: configuration)
        world.send(6)
        #expect(world.pop()?.queueOffsets == [0, 1, 2, 3])
        let waiting = world.start { $0.pollMillis = 5_000 }
        #expect(waiting.count == 0)
        try world.ack(2)
        #expect(waiting.all.first?.batch?.queueOffsets == [4])
    }

    @Test func exhaustedMessagesGoToTheDeadLetterQueue() throws {
        let world = try DeliveryWorld(retryMaxTimes: 1)
        world.store.add("T", properties: "UNIQ_KEY\u{1}id\u{2}DELAY\u{1}3\u{2}", body: ByteBuffer(string: "body"))
        #expect(world.pop()?.attempts == [1])
        world.advance(1_000)
        #expect(world.pop()?.attempts == [2])
        world.advance(1_000)
        world.store.failAppends()
        #expect(world.pop() == nil)
        #expect(world.store.messages("%DLQ%group").isEmpty)
        world.store.failAppends(false)
        #expect(world.pop() == nil)
        world.advance(30_000)
        #expect(world.pop() == nil)
        let dead = try #require(world.store.messages("%DLQ%group").first)
        let record = try MessageRecordText(dead.bytes)
        #expect(record.body == "body")
        #expect(record.properties["DLQ_ORIGIN_TOPIC"] == "T")
        #expect(record.properties["DLQ_ORIGIN_MESSAGE_ID"] == "id")
        #expect(record.properties["RETRY_TOPIC"] == "T")
        #expect(record.properties["DELAY"] == nil)
        #expect(world.topics.withLockedValue { $0["%DLQ%group"]?.writeQueueCount } == 1)
        world.advance(100_000)
        #expect(world.pop() == nil)
        #expect(world.store.messages("%DLQ%group").count == 1)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 1)
    }

    @Test func aDeadLetterIsDoneOnceItsCopyIsOnTheDisk() throws {
        let world = try DeliveryWorld(retryMaxTimes: 0)
        world.send(1)
        #expect(world.pop()?.attempts == [1])
        world.advance(1_000)
        world.store.holdFlushes()
        #expect(world.pop() == nil)
        #expect(world.store.messages("%DLQ%group").count == 1)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 0)
        #expect(world.store.synchronize())
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 1)
    }

    @Test func deletingATopicAnswersWaitersAndForgets() throws {
        let world = try DeliveryWorld()
        world.send(1)
        _ = world.pop()
        let waiting = world.start { $0.pollMillis = 5_000 }
        world.service.topicDeleted("T")
        #expect(waiting.all.map(\.word) == ["failed 17"])
        #expect(world.service.parkedCount == 0)
        world.store.removeTopic("T")
        world.send(1)
        #expect(world.pop()?.queueOffsets == [0])
        world.service.groupDeleted("group")
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0) == nil)
        #expect(world.offsets.topics(group: "group") == [])
    }

    @Test func anOffsetResetStartsOver() throws {
        let world = try DeliveryWorld()
        world.send(5)
        _ = world.pop()
        world.service.commitOffset(group: "group", topic: "T", queueID: 0, offset: 3)
        #expect(world.pop()?.queueOffsets == [3, 4])
    }
}

@Suite struct AckTests {
    @Test func ackChecksTheHandle() throws {
        let world = try DeliveryWorld()
        world.send(3)
        _ = world.pop { $0.maxCount = 2 }
        func code(_ body: () throws(ServiceError) -> Void) -> Int32 {
            do throws(ServiceError) { try body() } catch { return error.code.rawValue }
            return 0
        }
        #expect(code { () throws(ServiceError) in try world.ack(0) } == 0)
        #expect(code { () throws(ServiceError) in try world.ack(0) } == 0)
        // Not handed out, out of the queue, no such queue.
        #expect(code { () throws(ServiceError) in try world.ack(2) } == 208)
        #expect(code { () throws(ServiceError) in try world.ack(9_999) } == 208)
        #expect(code { () throws(ServiceError) in try world.ack(0, queueID: 1) } == 13)
        #expect(code { () throws(ServiceError) in try world.ack(0, queueID: -1) } == 13)
        #expect(code { () throws(ServiceError) in _ = try world.change(0, to: 1_000) } == 208)
        #expect(code { () throws(ServiceError) in _ = try world.change(3, to: 1_000) } == 208)
        world.topics.withLockedValue { $0 = [:] }
        #expect(code { () throws(ServiceError) in try world.ack(1) } == 17)
    }

    @Test func changingTheInvisibleTimeKeepsTheAttempt() throws {
        let world = try DeliveryWorld()
        world.send(1)
        let batch = try #require(world.pop())
        world.advance(900)
        let renewed = try world.change(0, popped: batch.popMillis, to: 2_000)
        #expect(renewed == ChangedHandle(popMillis: world.now, invisibleMillis: 2_000, reviveQueueID: 3))
        world.advance(1_999)
        #expect(world.pop() == nil)
        world.advance(1)
        #expect(world.pop()?.attempts == [2])
        // Both handles are of the first attempt now.
        #expect(throws: ServiceError.self) { _ = try world.change(0, popped: batch.popMillis, to: 0) }
        #expect(throws: ServiceError.self) { _ = try world.change(0, popped: renewed.popMillis, to: 0) }
        try world.ack(0, popped: renewed.popMillis)
    }

    @Test func zeroMakesTheMessageVisibleAtOnce() throws {
        let world = try DeliveryWorld()
        world.send(1)
        _ = world.pop()
        let waiting = world.start { $0.pollMillis = 5_000 }
        _ = try world.change(0, to: 0)
        #expect(waiting.all.first?.batch?.attempts == [2])
    }

    @Test func batchesPassOverWhatIsNotTheirs() throws {
        let world = try DeliveryWorld()
        world.send(4)
        _ = world.pop { $0.maxCount = 3 }
        try world.service.ack(
            group: "group", topic: "T", queueID: 0, offsets: [0, 2, 3, 77], popMillis: world.now, isOrdered: false)
        world.advance(1_000)
        #expect(world.pop()?.queueOffsets == [1, 3])
    }
}

extension DeliveryWorld {
    func restartedAfterFlush() throws -> DeliveryWorld {
        service.flushJournal()
        return try restarted()
    }
}

/// A record's parts as text.
struct MessageRecordText {
    let body: String
    let properties: [String: String]

    init(_ bytes: ByteBuffer) throws {
        let record = try MessageRecord(bytes)
        body = String(buffer: record.body)
        properties = PropertyText.dictionary(String(buffer: record.properties))
    }
}
