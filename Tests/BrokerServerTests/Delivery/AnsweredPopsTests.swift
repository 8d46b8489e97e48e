import DeliveryEngine
import Testing

@testable import BrokerServer

/// An answer may be lost with the connection it went out on: a proxy that is killed, say.
@Suite("Answers of lost connections") struct AnsweredPopsTests {
    private static let long: Int64 = 900_000

    /// Pops for a connection, as the request handler does.
    private func pop(
        _ world: DeliveryWorld, connectionID: UInt64 = 1, isGone: Bool = false, isOrdered: Bool = false,
        maxCount: Int32 = 32, invisibleMillis: Int64 = Self.long
    ) throws -> PopBatch {
        let request = world.request {
            $0.invisibleMillis = invisibleMillis
            $0.isOrdered = isOrdered
            $0.maxCount = maxCount
        }
        let inbox = Inbox<PopOutcome>()
        world.service.pop(request) { inbox.put($0) }
        let batch = try #require(inbox.all.first?.batch)
        world.service.willAnswer(batch, group: request.group, topic: request.topic, connectionID: connectionID) {
            isGone
        }
        return batch
    }

    @Test("what the last answers of a lost connection held comes again after a minute", arguments: [false, true])
    func comesAgain(isOrdered: Bool) throws {
        let world = try DeliveryWorld()
        world.send(2)
        let batch = try pop(world, isOrdered: isOrdered)
        world.advance(100)
        world.service.closed(connectionID: 1)
        world.advance(59_899)
        #expect(world.pop { $0.isOrdered = isOrdered } == nil)
        world.advance(1)
        let again = try #require(world.pop { $0.isOrdered = isOrdered })
        #expect(again.queueOffsets == batch.queueOffsets && again.attempts.allSatisfy { $0 == 2 })
    }

    @Test("a waiting pop is woken by it, and a restart keeps it")
    func wakesAndLasts() throws {
        let world = try DeliveryWorld()
        world.send()
        _ = try pop(world)
        world.service.closed(connectionID: 1)
        let inbox = world.start { $0.pollMillis = 100_000 }
        world.advance(59_999)
        #expect(inbox.count == 0)
        #expect(world.service.journal.flush())
        let next = try world.restarted()
        world.advance(1)
        #expect(inbox.all.first?.batch?.queueOffsets == [0])
        next.advance(1)
        #expect(next.pop()?.queueOffsets == [0])
    }

    @Test("what was finished, or changed since, or answered long ago, or on another connection, stays as it is")
    func leavesTheRest() throws {
        let world = try DeliveryWorld()
        world.send(4)
        let first = try pop(world, maxCount: 1)
        world.advance(AnsweredPops.windowMillis + 1)
        let second = try pop(world, maxCount: 1)
        _ = try pop(world, maxCount: 1)
        _ = try pop(world, connectionID: 2, maxCount: 1)
        try world.ack(1, popped: second.popMillis)
        _ = try world.change(2, to: 500_000)
        world.service.closed(connectionID: 1)
        world.service.closed(connectionID: 1)
        world.advance(490_000)
        #expect(world.pop() == nil)
        world.advance(10_000)
        #expect(world.pop()?.queueOffsets == [2])
        try world.ack(2)
        world.advance(first.popMillis + Self.long - world.now)
        #expect(world.pop { $0.maxCount = 1 }?.queueOffsets == [0])
    }

    @Test("a connection that closed before the answer counts as lost; short pops are not noted")
    func closedBefore() throws {
        let world = try DeliveryWorld()
        world.send(2)
        _ = try pop(world, isGone: true, maxCount: 1)
        _ = try pop(world, isGone: true, maxCount: 1, invisibleMillis: AnsweredPops.hiddenMillisMax)
        world.advance(59_999)
        #expect(world.pop() == nil)
        world.advance(1)
        #expect(world.pop()?.queueOffsets == [0, 1])
    }

    @Test("the newest messages of a connection are noted, no more than the bound")
    func isBounded() {
        let pops = AnsweredPops()
        let count = AnsweredPops.messagesMax / 32
        for number in 0..<Int64(count + 5) {
            pops.note(
                AnsweredPops.Answer(
                    key: SubscriptionKey(group: "G", topic: "T"), popMillis: 0, visibleAtMillis: Self.long,
                    messages: (0..<32).map { (0, number * 32 + $0) }), connectionID: 7, nowMillis: 0)
        }
        let taken = pops.take(connectionID: 7, nowMillis: 0)
        #expect(taken.count == count && taken.first?.messages.first?.offset == 5 * 32)
        #expect(pops.take(connectionID: 7, nowMillis: 0).isEmpty)
    }
}
