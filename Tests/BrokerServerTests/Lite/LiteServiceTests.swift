import DeliveryEngine
import Dispatch
import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec

import Testing

@testable import BrokerServer
@testable import StorageEngine

@Suite struct LiteServiceTests {
    @Test func aMessageWakesItsClientOnly() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        try world.control("2", .partialAdd, "b")
        let (one, two) = (world.pop("1"), world.pop("2"))
        world.send("a")
        #expect(text(one) == "0/1" && text(two) == "waits")
        world.send("c")
        world.advance(10_000)
        #expect(text(two) == "nothing")
    }

    @Test func onlyOneClientHasALiteTopicAtATime() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        try world.control("2", .partialAdd, "a")
        let popMillis = world.world.now
        let first = world.pop("1")
        world.send("a", 2)
        #expect(text(first) == "0/1")
        let second = world.pop("2")
        #expect(text(second) == "waits")
        try world.ack("a", 0, popMillis: popMillis)
        #expect(text(second) == "1/1")
    }

    @Test func whatIsNotAckedWakesAnother() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        try world.control("2", .partialAdd, "a")
        world.send("a", 2)
        #expect(text(world.pop("1")) == "0/1 1/1")
        let second = world.pop("2")
        world.advance(999)
        #expect(text(second) == "waits")
        world.advance(1)
        #expect(text(second) == "0/2 1/2")
    }

    @Test func anAckShortensTheWaitForWhatFailed() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        world.send("a", 2)
        let popMillis = world.world.now
        #expect(text(world.pop("1") { $0.invisibleMillis = 60_000 }) == "0/1 1/1")
        let failed = try world.lite.receipt(
            group: LiteWorld.group, topic: "P", liteTopic: "a", queueID: 0, offset: 0, popMillis: popMillis)
        _ = try world.lite.changeInvisible(failed, invisibleMillis: 500, isSuspended: false)
        let next = world.pop("1")
        try world.ack("a", 1, popMillis: popMillis)
        world.advance(500)
        #expect(text(next) == "0/2")
    }

    @Test func aClientThatIsGoneTakesNothing() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        try world.control("2", .partialAdd, "a")
        let gone = world.pop("1") { $0.isAbandoned = { true } }
        let alive = world.pop("2")
        world.send("a")
        world.send("a")
        #expect(text(gone) == "nothing" && text(alive).hasPrefix("0/1"))
    }

    @Test func theLoserIsToldAndGetsNoMore() throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue {
            $0[LiteWorld.group]?.attributes[AttributeName.liteSubscriptionModel] = "Exclusive"
        }
        try world.control("1", .partialAdd, "a")
        try world.control("22", .partialAdd, "a")
        #expect(world.told.all == ["1 lost a"])
        let (loser, winner) = (world.pop("1"), world.pop("22"))
        world.send("a")
        #expect(text(loser) == "waits" && text(winner) == "0/1")
        try world.control("1", .completeAdd, "a")
        #expect(world.told.all == ["1 lost a", "1 lost a"])
    }

    @Test func offsetOptionsMoveTheGroup() throws {
        let world = try LiteWorld()
        world.send("a", 5)
        try world.control("1", .partialAdd, "a", start: .offset(3))
        let popMillis = world.world.now
        #expect(text(world.pop("1")) == "3/1 4/1")
        try world.ack("a", 3, popMillis: popMillis)
        try world.ack("a", 4, popMillis: popMillis)
        world.world.service.flushJournal()
        try world.control("1", .partialAdd, "a", start: .back(2))
        #expect(text(world.pop("1")) == "3/1 4/1")
        try world.control("1", .partialAdd, "a", start: .latest)
        #expect(text(world.pop("1", poll: 0)) == "nothing")
        try world.control("1", .partialAdd, "a", start: .earliest)
        #expect(text(world.pop("1")) == "0/1 1/1 2/1 3/1 4/1")
    }

    @Test func messagesThatAreGoneHoldUpNoLiteTopic() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        world.send("a", 3)
        #expect(text(world.pop("1")) == "0/1 1/1 2/1")
        world.world.store.lose([0], world.queue("a"))
        world.advance(1_000)
        #expect(text(world.pop("1")) == "1/2 2/2")
        world.world.store.lose([1, 2], world.queue("a"))
        world.send("a")
        let waiting = world.pop("1")
        for _ in 0..<3 { world.advance(1_000) }
        #expect(text(waiting) == "3/1")
    }

    @Test func quotasAreKept() throws {
        var limits = LiteService.Limits()
        limits.subscriptions.subscriptionsMax = 3
        limits.topicsMax = 2
        let world = try LiteWorld(limits: limits)
        world.world.groups.withLockedValue {
            $0[LiteWorld.group]?.attributes[AttributeName.liteClientQuota] = "2"
        }
        try world.control("1", .partialAdd, "a", "b")
        try world.control("1", .partialAdd, "b")
        func refused(_ client: String, _ name: String) -> ResponseCode? {
            do throws(any Error) { try world.control(client, .partialAdd, name) } catch {
                return (error as? ServiceError)?.code
            }
            return nil
        }
        #expect(refused("1", "c") == .liteSubscriptionQuotaExceeded)
        #expect(refused("2", "a") == nil)
        #expect(refused("2", "b") == .liteSubscriptionQuotaExceeded)
        world.send("a")
        world.send("b")
        #expect(world.lite.admits(LiteTopicName(parent: "P", lite: "a")))
        #expect(!world.lite.admits(LiteTopicName(parent: "P", lite: "c")))
    }

    @Test func aLiteTopicThatNobodyWritesToGoes() throws {
        var limits = LiteService.Limits()
        limits.idleMillisMin = 1_000
        limits.expiryCheckMillis = 1_000
        let world = try LiteWorld(limits: limits)
        try world.control("1", .partialAdd, "a", "b")
        world.send("a", 3)
        let popMillis = world.world.now
        #expect(text(world.pop("1")) == "0/1 1/1 2/1")
        try world.ack("a", 0, popMillis: popMillis)
        world.advance(50_000)
        world.send("b")
        world.lite.expireTopics()
        #expect(world.deleted.all == [])
        world.advance(10_001)
        world.lite.expireTopics()
        #expect(world.deleted.all == [["%LMQ%$P$a"]])
        #expect(world.world.offsets.offset(group: LiteWorld.group, topic: "%LMQ%$P$a", queueID: 0) == nil)
        // It comes again as a new one, for who names it again.
        world.send("a")
        try world.control("1", .completeAdd, "a", "b")
        #expect(text(world.pop("1")) == "0/1 0/1")
    }

    @Test func whatIsDeletedLeavesNothingBehind() throws {
        let world = try LiteWorld()
        func held() -> Set<String> {
            world.lite.state.withLockedValue { state in
                Set(state.blocked.keys.map(\.topic)).union(state.booked.keys.map(\.topic))
            }
        }
        try world.control("1", .partialAdd, "a")
        world.send("a")
        #expect(text(world.pop("1") { $0.invisibleMillis = 600_000 }) == "0/1")
        #expect(held() == ["%LMQ%$P$a"])
        world.lite.parentDeleted("P")
        #expect(world.deleted.all == [["%LMQ%$P$a"]] && held().isEmpty)
        // An answer that comes in late notes nothing either.
        #expect(throws: ServiceError.self) { try world.ack("a", 0, popMillis: world.world.now) }
        #expect(held().isEmpty)
        try world.control("1", .partialAdd, "b")
        world.send("b")
        #expect(text(world.pop("1") { $0.invisibleMillis = 600_000 }) == "0/1")
        world.lite.groupDeleted(LiteWorld.group)
        #expect(held().isEmpty)
    }

    @Test func acksSurviveARestart() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        world.send("a", 3)
        let popMillis = world.world.now
        #expect(text(world.pop("1")) == "0/1 1/1 2/1")
        try world.ack("a", 1, popMillis: popMillis)
        world.world.service.flushJournal()
        let next = try LiteWorld(world.world.restarted())
        try next.control("1", .completeAdd, "a")
        let pop = next.pop("1")
        #expect(text(pop) == "waits")
        next.advance(1_000)
        #expect(text(pop) == "0/2 2/2")
    }

    @Test func wildcardClientsShareAllLiteTopics() throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true" }
        world.send("a")
        try world.control("1", .completeAdd)
        try world.control("2", .completeAdd)
        #expect(text(world.pop("1")) == "0/1")
        let (one, two) = (world.pop("1"), world.pop("2"))
        world.send("b")
        world.send("c")
        #expect([text(one), text(two)] == ["0/1", "0/1"])
        #expect(throws: ServiceError.self) { try world.control("1", .partialAdd, "a") }
    }

    @Test func onlyBoundGroupsAreServed() throws {
        let world = try LiteWorld()
        #expect(text(world.pop("1") { $0.group = "none" }) == "26")
        #expect(text(world.pop("1") { $0.topic = "T" }) == "29")
        #expect(text(world.pop("1") { $0.topic = "none" }) == "17")
        #expect(text(world.pop("1", max: 33)) == "29")
        #expect(text(world.pop("1", max: 33) { $0.topic = "none" }) == "29")
        world.world.isReadable.withLockedValue { $0 = false }
        #expect(text(world.pop("1", max: 33)) == "16")
        #expect(text(world.ask("1")) == "16")
        world.world.isReadable.withLockedValue { $0 = true }
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes = [:] }
        #expect(text(world.pop("1")) == "29")
        #expect(throws: ServiceError.self) { try world.control("1", .completeAdd, "a") }
    }

    @Test func manyLiteTopicsCostTheirMessagesOnly() throws {
        var limits = LiteService.Limits()
        limits.subscriptions.subscriptionsMax = 50_000
        let world = try LiteWorld(limits: limits)
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteClientQuota] = "-1" }
        let names = (0..<5_000).map { "n\($0)" }
        for client in 0..<5 {
            try world.lite.control(
                [
                    .init(
                        action: .completeAdd, clientId: "\(client)", group: LiteWorld.group, topic: "P",
                        liteTopics: Array(names[(client * 1_000)..<(client + 1) * 1_000]))
                ], channel: nil)
        }
        for name in names { world.send(name) }
        var found = 0
        for client in 0..<5 {
            while case .found(let batch)? = world.pop("\(client)", poll: 0).all.first { found += batch.messages.count }
        }
        #expect(found == 5_000)
    }

    /// A poll that comes in while the last message is acknowledged must see the next one.
    @Test func noWakeUpIsLostBetweenThreads() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        let arrived = DispatchSemaphore(value: 0)
        for _ in 0..<3 { Poller(world, arrived).poll() }
        for number in 0..<3_000 {
            world.send("a")
            guard arrived.wait(timeout: .now() + 10) == .success else {
                Issue.record("message \(number) woke nobody")
                break
            }
        }
        world.lite.close()
    }
}

/// Polls again and again: first for the next messages, then it acknowledges those that it has.
private final class Poller: Sendable {
    private let world: LiteWorld
    private let arrived: DispatchSemaphore

    init(_ world: LiteWorld, _ arrived: DispatchSemaphore) {
        self.world = world
        self.arrived = arrived
    }

    func poll() {
        var request = LitePopRequest(group: LiteWorld.group, clientID: "1", topic: "P")
        request.pollMillis = 60_000
        request.invisibleMillis = 600_000
        world.lite.pop(request) { [self] outcome in
            guard case .found(let batch) = outcome else { return }
            DispatchQueue.global().async { self.poll() }
            DispatchQueue.global().async { [self] in
                for message in batch.messages {
                    try? world.ack("a", message.queueOffset, popMillis: batch.popMillis)
                    arrived.signal()
                }
            }
        }
    }
}
