import Testing

@testable import BrokerServer

/// As ``AnsweredPopsTests``, for answers with messages of lite topics.
@Suite("Answers of lost connections, of lite topics") struct LiteAnsweredPopsTests {
    private static let long: Int64 = 900_000

    private func world() throws -> LiteWorld {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a", "b")
        try world.control("2", .partialAdd, "a", "b")
        return world
    }

    /// Pops for a connection, as the request handler does.
    private func pop(
        _ world: LiteWorld, connectionID: UInt64 = 1, isGone: Bool = false, attemptID: String? = nil,
        max: Int32 = 32, invisibleMillis: Int64 = Self.long
    ) throws -> PopBatch {
        let inbox = world.pop("1", max: max) {
            $0.invisibleMillis = invisibleMillis
            $0.attemptID = attemptID
        }
        let batch = try #require(inbox.all.first?.batch)
        world.lite.willAnswer(
            batch, to: LitePopRequest(group: LiteWorld.group, clientID: "1", topic: "P"), connectionID: connectionID
        ) { isGone }
        return batch
    }

    @Test("what the last answers of a lost connection held comes again after a minute, for who waits for it")
    func comesAgain() throws {
        let world = try world()
        world.send("a", 2)
        world.send("b")
        #expect(try pop(world).messages.count == 3)
        let waiting = (0..<2).map { _ in world.pop("2", poll: 100_000, max: 2) }
        world.advance(100)
        world.world.service.closed(connectionID: 1)
        world.send("a")
        world.advance(59_899)
        #expect(waiting.map { text($0) } == ["waits", "waits"])
        world.advance(1)
        #expect(Set(waiting.map { text($0) }) == ["0/2 1/2", "0/2"])
    }

    @Test("a lite topic stays in order: of a batch some may be done, and one wanted for longer keeps all back")
    func staysInOrder() throws {
        let world = try world()
        world.send("a", 3)
        let popMillis = try pop(world).popMillis
        try world.ack("a", 0, popMillis: popMillis)
        let renewed = try world.lite.receipt(
            group: LiteWorld.group, topic: "P", liteTopic: "a", queueID: 0, offset: 2, popMillis: popMillis)
        _ = try world.lite.changeInvisible(renewed, invisibleMillis: 500_000, isSuspended: false)
        world.world.service.closed(connectionID: 1)
        world.advance(499_999)
        #expect(text(world.pop("2", poll: 0)) == "nothing")
        world.advance(1)
        #expect(text(world.pop("2", poll: 0)) == "1/2 2/2")
    }

    @Test("what was put off, or finished, or answered on another connection, stays as it is")
    func leavesTheRest() throws {
        let world = try world()
        world.send("a")
        world.send("b")
        let first = try pop(world, max: 1)
        _ = try pop(world, connectionID: 2, max: 1)
        let putOff = try world.lite.receipt(
            group: LiteWorld.group, topic: "P", liteTopic: "a", queueID: 0, offset: 0, popMillis: first.popMillis)
        _ = try world.lite.changeInvisible(putOff, invisibleMillis: 500_000, isSuspended: true)
        world.world.service.closed(connectionID: 1)
        world.advance(499_999)
        #expect(text(world.pop("2", poll: 0)) == "nothing")
        world.advance(1)
        #expect(text(world.pop("2", poll: 0)) == "0/1")
        try world.ack("a", 0, popMillis: world.world.now)
        world.advance(Self.long - 500_001)
        #expect(text(world.pop("2", poll: 0)) == "nothing")
        world.advance(1)
        #expect(text(world.pop("2", poll: 0)) == "0/2")
    }

    @Test("a restart keeps the shorter time")
    func lasts() throws {
        let world = try world()
        world.send("a")
        _ = try pop(world)
        world.world.service.closed(connectionID: 1)
        #expect(world.world.service.journal.flush())
        let next = try LiteWorld(world.world.restarted())
        try next.control("2", .completeAdd, "a")
        let waiting = next.pop("2", poll: 100_000)
        next.advance(59_999)
        #expect(text(waiting) == "waits")
        next.advance(1)
        #expect(text(waiting) == "0/2")
    }

    @Test("a connection that closed before the answer counts as lost; short pops are not noted")
    func closedBefore() throws {
        let world = try world()
        world.send("a")
        world.send("b")
        _ = try pop(world, isGone: true, max: 1)
        _ = try pop(world, isGone: true, max: 1, invisibleMillis: AnsweredPops.hiddenMillisMax)
        world.advance(59_999)
        #expect(text(world.pop("2", poll: 0)) == "nothing")
        world.advance(1)
        #expect(text(world.pop("2", poll: 0)) == "0/2 0/2")
    }

    @Test("an attempt that is repeated on another connection has its messages for as long as it is told")
    func repeatedAttempt() throws {
        let world = try world()
        world.send("a", 2)
        _ = try pop(world, attemptID: "attempt")
        world.world.service.closed(connectionID: 1)
        world.advance(50_000)
        // It looks again at what it has when there is more of that.
        world.send("a")
        let again = try pop(world, connectionID: 2, attemptID: "attempt")
        #expect(again.messages.map(\.attempt) == [1, 1])
        world.advance(Self.long - 1)
        #expect(text(world.pop("2", poll: 0)) == "nothing")
        world.advance(1)
        #expect(text(world.pop("2", poll: 0)) == "0/2 1/2 2/1")
    }
}
