import DeliveryEngine
import Dispatch
import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec

import Testing

@testable import BrokerServer
@testable import StorageEngine

/// Lite topics of a parent P over a store in memory, with a clock that moves by hand.
private final class LiteWorld: Sendable {
    static let group = DeliveryWorld.group
    let world: DeliveryWorld
    let lite: LiteService
    let deleted = Inbox<[String]>()
    let told = Inbox<String>()

    init(_ world: DeliveryWorld? = nil, limits: LiteService.Limits = .init()) throws {
        let world = try world ?? DeliveryWorld()
        self.world = world
        var parent = TopicConfig(name: "P", readQueueCount: 4, writeQueueCount: 4)
        parent.messageType = .lite
        parent.attributes[AttributeName.liteTopicExpiration] = "1"
        world.topics.withLockedValue { $0["P"] = parent }
        world.groups.withLockedValue { $0[Self.group]?.attributes[AttributeName.liteBindTopic] = "P" }
        let deleted = deleted
        lite = LiteService(
            delivery: world.service, limits: limits,
            dependencies: LiteService.Dependencies(
                topic: { name in world.topics.withLockedValue { $0[name] } },
                group: { name in world.groups.withLockedValue { $0[name] } },
                storedQueues: { [] }, storeMillis: { _, _ in nil },
                deleteQueues: { queues in
                    let names = queues.map(\.name)
                    for name in names { world.store.removeTopic(name) }
                    deleted.put(names)
                    return names
                }), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        lite.recover()
    }

    func queue(_ name: String) -> String { LiteTopicName(parent: "P", lite: name).queueName }

    func send(_ name: String, _ count: Int = 1) {
        let queue = queue(name)
        world.topics.withLockedValue { $0[queue] = TopicConfig(name: queue, readQueueCount: 1, writeQueueCount: 1) }
        for _ in 0..<count {
            world.store.add(queue, queueID: 0)
            let offset = world.store.bounds(topic: queue, queueID: 0).max - 1
            _ = lite.arrived([
                DispatchedMessage(
                    topic: queue, queueId: 0, queueOffset: offset, logOffset: 0, size: 1, tagsCode: 0,
                    storeTimestampMillis: world.now)
            ])
        }
    }

    func control(
        _ client: String, _ action: LiteSubscriptionAction, _ names: String..., start: LiteStart = .last
    ) throws {
        try lite.control(
            [
                .init(
                    action: action, clientId: client, group: Self.group, topic: "P", liteTopics: names, start: start)
            ],
            channel: LiteChannel(id: UInt64(client.utf8.count)) { [told] header in
                told.put("\(header.clientId) lost \(header.liteTopic)")
            })
    }

    func pop(
        _ client: String, poll: Int64 = 10_000, max: Int32 = 32, _ change: (inout LitePopRequest) -> Void = { _ in }
    ) -> Inbox<PopOutcome> {
        var request = LitePopRequest(group: Self.group, clientID: client, topic: "P")
        request.pollMillis = poll
        request.maxCount = max
        request.invisibleMillis = 1_000
        change(&request)
        let inbox = Inbox<PopOutcome>()
        lite.pop(request) { inbox.put($0) }
        return inbox
    }

    func advance(_ millis: Int64) {
        world.advance(millis)
        lite.fireTimers()
    }

    func ack(_ name: String, _ offset: Int64, popMillis: Int64) throws {
        try lite.ack(
            lite.receipt(
                group: Self.group, topic: "P", liteTopic: name, queueID: 0, offset: offset, popMillis: popMillis))
    }
}

/// What a pop brought: offsets with their attempts, or how it ended.
private func text(_ inbox: Inbox<PopOutcome>) -> String {
    switch inbox.all.first {
    case nil: "waits"
    case .found(let batch): batch.messages.map { "\($0.queueOffset)/\($0.attempt)" }.joined(separator: " ")
    case .timedOut: "nothing"
    case .pollingFull: "full"
    case .failed(let error): "\(error.code.rawValue)"
    }
}

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
