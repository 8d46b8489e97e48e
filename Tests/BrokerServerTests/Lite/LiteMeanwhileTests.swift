import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import NIOEmbedded
import Testing

@testable import BrokerServer

/// Nothing that a client waits for may stay unseen, whatever else happens meanwhile.
@Suite("Lite topics, while something else happens")
struct LiteMeanwhileTests {
    @Test("answer polls in time although the clock is set back while the timer fires")
    func clockSetBack() throws {
        let clock = NIOLockedValueBox<(now: Int64, stepsBack: Bool)>((1_700_000_000_000, false))
        let world = try LiteWorld(
            DeliveryWorld(realClock: {
                clock.withLockedValue { clock in
                    defer { if clock.stepsBack { clock = (clock.now - 5_000, false) } }
                    return clock.now
                }
            }))
        let (first, question) = (world.pop("1"), world.ask("1"))
        clock.withLockedValue { $0 = ($0.now + 10_000, true) }
        world.lite.fireTimers()
        #expect(text(first) == "nothing" && text(question) == "no")
        let second = world.pop("1")
        clock.withLockedValue { $0.now += 10_000 }
        world.lite.fireTimers()
        #expect(text(second) == "nothing")
    }

    @Test("bring what they hold when they are not deleted after all", arguments: [true, false])
    func deletionThatDoesNotHappen(fails: Bool) throws {
        struct DiskError: Error {}
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        world.send("a")
        let pop = Inbox<Inbox<PopOutcome>>()
        world.deletes.withLockedValue {
            $0 = { [unowned world] _ in
                pop.put(world.pop("1"))
                if fails { throw DiskError() }
                return []
            }
        }
        world.lite.parentDeleted("P")
        #expect(text(try #require(pop.all.first)) == "0/1")
    }

    @Test("go to another poll when one waits for the disk, or is refused that", arguments: [1, 0])
    func leftByColdPop(coldReadsMax: Int) throws {
        let world = try LiteWorld()
        world.world.limitColdReads(to: coldReadsMax)
        let (first, second) = (world.pop("1", max: 1), world.pop("1", max: 1))
        world.send("a")
        world.send("b")
        world.world.store.makeCold([0], world.queue("a"))
        // Both are there at once, for which one poll is woken.
        try world.control("1", .partialAdd, "a", "b")
        #expect(text(first) == (coldReadsMax > 0 ? "waits" : "\(ResponseCode.systemBusy.rawValue)"))
        #expect(text(second) == "0/1")
    }

    @Test("go to another client although many before them are blocked")
    func behindBlocked() throws {
        let world = try LiteWorld()
        let names = (0..<20).map { "n\($0)" }
        for client in ["1", "2"] {
            for name in names + ["x"] { try world.control(client, .partialAdd, name) }
        }
        for name in names { world.send(name) }
        let held = world.pop("1") { $0.invisibleMillis = 60_000 }
        #expect(held.all.first?.batch?.messages.count == 20)
        let loop = EmbeddedEventLoop()
        let isGone = NIOLockedValueBox(false)
        let gone = world.pop("1") { request in
            request.eventLoop = loop
            request.isAbandoned = { isGone.withLockedValue { $0 } }
        }
        for name in names { world.send(name) }
        world.send("x")
        // The other client has looked at all of it in vain, as it does while somebody else has it.
        let other = LiteClientKey(group: LiteWorld.group, clientID: "2")
        world.lite.state.withLockedValue { state in while state.subscriptions.takeReady(other) != nil {} }
        let waiting = world.pop("2")
        isGone.withLockedValue { $0 = true }
        loop.run()
        #expect(text(gone) == "nothing" && text(waiting) == "0/1")
    }

    @Test("leave nothing behind when they are deleted while messages are fetched", arguments: [false, true])
    func deletedWhileFetched(hasOther: Bool) throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true" }
        try world.control("1", .completeAdd)
        world.send("a")
        world.world.store.makeCold([0], world.queue("a"))
        if hasOther { world.send("b") }
        let pop = world.pop("1")
        #expect(text(pop) == (hasOther ? "0/1" : "waits"))
        world.lite.parentDeleted("P")
        #expect(world.world.readDisk() == 1)
        #expect(text(world.ask("1", poll: 0)) == "no")
        let key = SubscriptionKey(group: LiteWorld.group, topic: world.queue("a"))
        #expect(world.world.service.table.find(key) == nil)
    }

    @Test("keep their time, and stay deleted, when their old one is looked up")
    func timeLookedUp() throws {
        let world = try LiteWorld()
        let (old, gone, written) = (world.queue("old"), world.queue("gone"), world.queue("written"))
        for name in ["old", "gone", "written"] { world.send(name) }
        world.advance(1_000_000)
        let now = world.world.now
        world.lite.state.withLockedValue { state in
            // As after a restart.
            for queue in [old, gone] { state.index.note(queue: queue, parent: "P", storeMillis: 0) }
        }
        let isWritten = NIOLockedValueBox(false)
        world.storeMillis.withLockedValue {
            $0 = { [unowned world] queue in
                if queue == written { return isWritten.withLockedValue { $0 } ? now : now - 1_000_000 }
                if queue == old {
                    for name in ["old", "written"] { world.send(name) }
                    isWritten.withLockedValue { $0 = true }
                }
                if queue == gone { world.lite.state.withLockedValue { $0.index.remove(queue: gone, parent: "P") } }
                return now - 100
            }
        }
        world.lite.expireTopics()
        let topics = try #require(world.lite.state.withLockedValue { $0.index.parents["P"] })
        #expect(topics.storeMillis(of: old) == now && topics.storeMillis(of: gone) == nil)
        #expect(topics.storeMillis(of: written) == now && world.deleted.all.isEmpty)
    }

    @Test("are looked at by all who wait when their group is bound to them again")
    func boundAgain() throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true" }
        world.world.topics.withLockedValue { topics in
            topics["Q"] = topics["P"]
            topics["Q"]?.name = "Q"
        }
        func bind(_ topic: String) throws {
            world.world.groups.withLockedValue {
                $0[LiteWorld.group]?.attributes[AttributeName.liteBindTopic] = topic
            }
            try world.lite.control(
                [.init(action: .completeAdd, clientId: "1", group: LiteWorld.group, topic: topic, liteTopics: [])],
                channel: nil)
        }
        try world.control("2", .completeAdd)
        let pop = world.pop("2")
        try bind("Q")
        world.send("a")
        #expect(text(pop) == "waits")
        try bind("P")
        #expect(text(pop) == "0/1")
    }
}
