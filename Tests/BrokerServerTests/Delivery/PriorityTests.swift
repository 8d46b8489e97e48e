import MessageModel
import NIOCore
import Testing

@testable import BrokerServer

@Suite struct PriorityTests {
    private func queue(_ pairs: [(String, String)], queues: Int32 = 4) -> Int32? {
        let text = PropertyText.encode(pairs.map { (name: $0.0, value: $0.1) })
        return PriorityQueues.queueID(properties: ByteBuffer(string: text), writeQueueCount: queues)
    }

    @Test func thePriorityIsTheQueue() {
        let name = "_SYS_MSG_PRIORITY_"
        #expect(queue([(name, "0")]) == 0)
        #expect(queue([(name, "3")]) == 3)
        #expect(queue([(name, "4")]) == 3)
        #expect(queue([(name, "2147483647")]) == 3)
        #expect(queue([("TAGS", "t")]) == nil)
        #expect(queue([(name, "-1")]) == nil)
        #expect(queue([(name, "high")]) == nil)
        #expect(queue([(name, "1")], queues: 0) == nil)
        // What else makes a message something special wins.
        #expect(queue([(name, "1"), ("__SHARDINGKEY", "g")]) == nil)
        #expect(queue([("TIMER_DELIVER_MS", "1"), (name, "1")]) == nil)
        #expect(queue([("TRAN_MSG", "true"), (name, "1")]) == nil)
    }

    private func world() throws -> DeliveryWorld {
        let world = try DeliveryWorld(queueCount: 3)
        world.topics.withLockedValue { topics in
            topics["T"]?.attributes["message.type"] = "PRIORITY"
        }
        return world
    }

    private func queues(_ batch: PopBatch?) -> [Int32] { batch?.messages.map(\.queueID) ?? [] }

    @Test func higherQueuesComeFirstWhateverWasPoppedBefore() throws {
        let world = try world()
        for queueID: Int32 in [0, 1, 2, 0] { world.send(queueID: queueID) }
        #expect(queues(world.pop { $0.maxCount = 1 }) == [2])
        world.send(queueID: 2)
        #expect(queues(world.pop { $0.maxCount = 2 }) == [2, 1])
        #expect(queues(world.pop()) == [0, 0])
    }

    @Test func whatIsVisibleAgainKeepsItsPlace() throws {
        let world = try world()
        for queueID: Int32 in [0, 1] { world.send(queueID: queueID) }
        #expect(queues(world.pop()) == [1, 0])
        world.advance(1_000)
        world.send(queueID: 2)
        let again = try #require(world.pop())
        #expect(queues(again) == [2, 1, 0])
        #expect(again.attempts == [1, 2, 2])
    }

    @Test func aPopOfOneQueueTakesThatQueue() throws {
        let world = try world()
        for queueID: Int32 in [0, 2] { world.send(queueID: queueID) }
        #expect(queues(world.pop { $0.queueID = 0 }) == [0])
    }
}
