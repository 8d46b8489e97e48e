import MessageModel
import NIOConcurrencyHelpers
import NIOEmbedded
import Testing

@testable import BrokerServer

@Suite("Questions whether a client of lite topics has something to look at")
struct LiteNotificationTests {
    @Test("are answered by a message of its own lite topics, and take nothing")
    func arrival() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        try world.control("2", .partialAdd, "b")
        let (one, again, two) = (world.ask("1"), world.ask("1"), world.ask("2"))
        let pop = world.pop("1")
        world.send("a")
        #expect(text(one) == "yes" && text(again) == "yes" && text(two) == "waits")
        #expect(text(pop) == "0/1", "a waiting pop gets the message all the same")
        world.advance(10_000)
        #expect(text(two) == "no")
    }

    @Test("are answered at once when something waits")
    func waiting() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        #expect(text(world.ask("1", poll: 0)) == "no")
        world.send("a")
        #expect(text(world.ask("1", poll: 0)) == "yes")
        #expect(text(world.pop("1")) == "0/1")
        #expect(text(world.ask("1", poll: 0)) == "no")
    }

    @Test("wait while the group has messages of the lite topic in flight, and no longer")
    func blocked() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a")
        world.send("a")
        #expect(text(world.pop("1")) == "0/1")
        let question = world.ask("1")
        world.advance(999)
        #expect(text(question) == "waits")
        world.advance(1)
        #expect(text(question) == "yes")
    }

    @Test("are refused as pops are, bounded, and answered when the broker stops")
    func limits() throws {
        var configuration = DeliveryConfiguration()
        configuration.waitersMax = 2
        let world = try LiteWorld(try DeliveryWorld(configuration: configuration))
        try world.control("1", .partialAdd, "a")
        let waiting = world.ask("1")
        _ = world.pop("1")
        #expect(text(world.ask("1")) == "full")
        world.lite.close()
        #expect(text(waiting) == "no")
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes = [:] }
        #expect(text(world.ask("1")) == "29")
    }
}

extension LiteWorld {
    /// Subscribes client 1 to lite topic "a", whose messages are on the disk only.
    fileprivate func addCold(_ count: Int = 1) throws {
        try control("1", .partialAdd, "a")
        send("a", count)
        world.store.makeCold(0..<Int64(count), queue("a"))
    }
}

@Suite("Pops of lite topics whose messages are not in memory")
struct ColdLitePopTests {
    @Test("wait for the disk elsewhere, and are answered then")
    func waits() throws {
        let world = try LiteWorld()
        try world.addCold(3)
        let pop = world.pop("1")
        #expect(text(pop) == "waits")
        #expect(world.world.readDisk() == 1)
        #expect(text(pop) == "0/1 1/1 2/1")
        #expect(world.world.store.coldReadCount == 0)
    }

    @Test("take what is in memory at once, and the rest is offered when it is there")
    func mixed() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a", "b")
        world.send("a")
        world.send("b", 2)
        world.world.store.makeCold([0], world.queue("a"))
        #expect(text(world.pop("1")) == "0/1 1/1")
        let next = world.pop("1")
        #expect(text(next) == "waits")
        world.world.readDisk()
        #expect(text(next) == "0/1")
        #expect(world.world.store.coldReadCount == 0)
    }

    @Test("of many, fetch as many as one answer has room for, and read no others")
    func many() throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true" }
        for number in 0..<100 {
            world.send("n\(number)")
            world.world.store.makeCold([0], world.queue("n\(number)"))
        }
        try world.control("1", .completeAdd)
        var found = 0
        for _ in 0..<25 {
            let pop = world.pop("1", max: 4)
            #expect(text(pop) == "waits")
            #expect(world.world.readDisk() == 1)
            found += pop.all.first?.batch?.messages.count ?? 0
        }
        #expect(found == 100 && world.world.store.coldReadCount == 0)
    }

    @Test("of many messages, fetch as many as one answer has room for")
    func long() throws {
        let world = try LiteWorld()
        let names = (0..<32).map { "n\($0)" }
        for name in names {
            world.send(name, 32)
            world.world.store.makeCold(0..<32, world.queue(name))
            try world.control("1", .partialAdd, name)
        }
        let pop = world.pop("1")
        #expect(world.world.readDisk() == 1)
        #expect(pop.all.first?.batch?.messages.count == 32)
        #expect(world.world.store.warmedCount == 32 && world.world.store.coldReadCount == 0)
    }

    @Test("of large messages, fetch as many as one answer has room for, and leave none behind")
    func large() throws {
        var configuration = DeliveryConfiguration()
        configuration.popBytesMax = 300
        let world = try LiteWorld(try DeliveryWorld(configuration: configuration))
        for number in 0..<8 {
            world.send("n\(number)")
            world.world.store.makeCold([0], world.queue("n\(number)"))
            try world.control("1", .partialAdd, "n\(number)")
        }
        var found = 0
        for _ in 0..<8 where found < 8 {
            let pop = world.pop("1", max: 8)
            let warmed = world.world.store.warmedCount
            world.world.readDisk()
            // One more than fits, as the first always does.
            #expect(world.world.store.warmedCount - warmed <= 6, "what it gets, and what the next one gets")
            found += pop.all.first?.batch?.messages.count ?? 0
        }
        #expect(found == 8 && world.world.store.coldReadCount == 0)
    }

    @Test("redeliveries, repeated attempts and dead letters wait alike")
    func again() throws {
        let world = try LiteWorld(try DeliveryWorld(retryMaxTimes: 1))
        try world.control("1", .partialAdd, "a")
        world.send("a")
        func attempt(_ request: inout LitePopRequest) { request.attemptID = "attempt" }
        #expect(text(world.pop("1", attempt)) == "0/1")
        world.lite.offer(world.queue("a"), parent: "P")
        world.world.store.makeCold([0], world.queue("a"))
        let repeated = world.pop("1", attempt)
        #expect(text(repeated) == "waits")
        world.world.readDisk()
        #expect(text(repeated) == "0/1")
        world.world.store.makeCold([0], world.queue("a"))
        let second = world.pop("1")
        world.advance(1_000)
        #expect(text(second) == "waits")
        world.world.readDisk()
        #expect(text(second) == "0/2")
        world.world.store.makeCold([0], world.queue("a"))
        _ = world.pop("1")
        world.advance(1_000)
        #expect(world.world.store.messages("%DLQ%group").isEmpty)
        #expect(world.world.store.coldReadCount == 0)
        world.world.readDisk()
        #expect(world.world.store.messages("%DLQ%group").count == 1)
    }

    @Test("take what comes again although what is new behind it, and another lite topic, must be fetched")
    func behind() throws {
        let world = try LiteWorld()
        try world.control("1", .partialAdd, "a", "b")
        world.send("b")
        #expect(text(world.pop("1")) == "0/1")
        world.send("a")
        world.send("b")
        world.world.store.makeCold([0], world.queue("a"))
        world.world.store.makeCold([1], world.queue("b"))
        world.advance(1_000)
        // Room for two: one is for the fetched one of "a", in the other comes what is there of "b".
        #expect(text(world.pop("1", max: 2)) == "0/2")
        #expect(world.world.store.coldReadCount == 0)
    }

    @Test("bring a repeated attempt its messages once, although the lite topic is offered meanwhile")
    func once() throws {
        let world = try LiteWorld()
        try world.addCold()
        func attempt(_ request: inout LitePopRequest) { request.attemptID = "attempt" }
        let pop = world.pop("1", attempt)
        world.world.readDisk()
        #expect(text(pop) == "0/1")
    }

    @Test("are refused when too many wait for the disk, and lose nothing")
    func full() throws {
        let world = try LiteWorld()
        try world.addCold()
        world.world.limitColdReads(to: 0)
        #expect(text(world.pop("1")) == "\(ResponseCode.systemBusy.rawValue)")
        world.world.limitColdReads(to: 1)
        let pop = world.pop("1")
        world.world.readDisk()
        #expect(text(pop) == "0/1")
    }

    @Test("come to an end when memory keeps nothing")
    func hopeless() throws {
        let world = try LiteWorld()
        try world.addCold()
        let pop = world.pop("1")
        var rounds = 0
        while pop.count == 0, rounds < 100 {
            world.world.readDisk()
            world.world.store.makeCold([0], world.queue("a"))
            rounds += 1
        }
        #expect(text(pop) == "0/1" && rounds < 20)
    }

    @Test("leave to others what was fetched for a client that has lost it meanwhile")
    func lost() throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue {
            $0[LiteWorld.group]?.attributes[AttributeName.liteSubscriptionModel] = "Exclusive"
        }
        try world.addCold()
        let loser = world.pop("1")
        try world.control("22", .partialAdd, "a")
        let winner = world.pop("22")
        world.world.readDisk()
        world.world.readDisk()
        #expect(text(loser) == "waits" && text(winner) == "0/1")
    }
}

/// What one client does may be much; others on the same loop and the same timer must not wait for all of it.
@Suite("Clients of thousands of lite topics")
struct ManyLiteTopicsTests {
    private static let count = 5_000

    /// A wildcard group whose client holds a message of each of many lite topics.
    private func world(realClock: (@Sendable () -> Int64)? = nil) throws -> LiteWorld {
        let world = try LiteWorld(try DeliveryWorld(realClock: realClock))
        world.world.groups.withLockedValue {
            $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true"
            var other = SubscriptionGroupConfig(name: "other")
            other.attributes[AttributeName.liteBindTopic] = "P"
            $0["other"] = other
        }
        for number in 0..<Self.count { world.send("n\(number)") }
        try world.control("1", .completeAdd)
        var held = 0
        while case .found(let batch)? = world.pop("1", poll: 0, { $0.invisibleMillis = 60_000 }).all.first {
            held += batch.messages.count
        }
        #expect(held == Self.count)
        return world
    }

    @Test("give the loop's other requests their turn")
    func turns() throws {
        let world = try world()
        for number in 0..<Self.count { world.send("n\(number)") }
        let loop = EmbeddedEventLoop()
        let pop = world.pop("1", poll: 0) { $0.eventLoop = loop }
        var turns = 0
        func turn() {
            guard pop.count == 0 else { return }
            turns += 1
            loop.assumeIsolated().execute { turn() }
        }
        turn()
        loop.run()
        #expect(text(pop) == "nothing")
        #expect(turns >= Self.count / LiteService.looksPerTurn)
    }

    @Test("are not kept beyond their time by what others have, however much of that is offered")
    func overtime() throws {
        let world = try world()
        let loop = EmbeddedEventLoop()
        let start = world.world.now
        for number in 0..<300 { world.send("n\(number)") }
        let pop = world.pop("1", poll: 10_000) { $0.eventLoop = loop }
        var turns = 0
        func turn() {
            guard pop.count == 0, turns < 100 else { return }
            turns += 1
            // More than it looks at before its next turn, in which a second goes by.
            for number in 0..<300 { world.send("n\(turns * 40 + number)") }
            world.world.clock.withLockedValue { $0 += 1_000 }
            loop.assumeIsolated().execute { turn() }
        }
        turn()
        loop.run()
        #expect(text(pop) == "nothing")
        #expect(world.world.now - start <= 12_000)
    }

    /// A wildcard group of which nobody is there, and which has done all that there is.
    private func doneWorld() throws -> LiteWorld {
        let world = try LiteWorld()
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true" }
        for number in 0..<Self.count {
            world.send("n\(number)")
            world.world.offsets.commit(
                group: LiteWorld.group, topic: world.queue("n\(number)"), queueID: 0, offset: 1)
        }
        return world
    }

    @Test("look at what was there before them in turns, and make no account of what is done")
    func joins() throws {
        let world = try doneWorld()
        let loop = EmbeddedEventLoop()
        let pop = world.pop("1") { $0.eventLoop = loop }
        var looks = world.world.store.lookCount
        try world.control("1", .completeAdd)
        #expect(world.world.store.lookCount == looks)
        var turns: [Int] = []
        func turn() {
            let seen = world.world.store.lookCount - looks
            looks += seen
            if seen > 0 || turns.isEmpty { turns.append(seen) }
            guard turns.count < 100, seen > 0 || turns.count == 1 else { return }
            loop.assumeIsolated().execute { turn() }
        }
        turn()
        loop.run()
        #expect(turns.reduce(0, +) == Self.count)
        #expect(turns.allSatisfy { $0 <= LiteService.looksPerTurn })
        #expect(text(pop) == "waits")
        #expect(world.world.service.table.all.isEmpty)
        // Who comes later has nothing to look at.
        try world.control("2", .completeAdd)
        #expect(text(world.ask("2", poll: 0)) == "no")
        world.send("n7")
        loop.run()
        #expect(text(pop) == "1/1")
    }

    @Test("miss nothing that comes while they look at what was there before them")
    func joinsMeanwhile() throws {
        let world = try doneWorld()
        // It waits from before the first one looks.
        world.send("n17")
        let loop = EmbeddedEventLoop()
        try world.control("1", .completeAdd)
        let found = Inbox<String>()
        let turns = NIOLockedValueBox(0)
        @Sendable func poll() {
            var request = LitePopRequest(group: LiteWorld.group, clientID: "1", topic: "P")
            request.pollMillis = 10_000
            request.maxCount = 1
            request.invisibleMillis = 60_000
            request.eventLoop = loop
            world.lite.pop(request) { outcome in
                guard let batch = outcome.batch else { return }
                for (name, _) in batch.liteQueues { found.put(name) }
                loop.execute { poll() }
            }
        }
        @Sendable func turn() {
            let number = turns.withLockedValue { turns in
                turns += 1
                return turns
            }
            if number == 3 { for name in ["n0", "n\(Self.count - 1)", "new"] { world.send(name) } }
            if number < 40 { loop.execute { turn() } }
        }
        loop.execute { turn() }
        loop.execute { poll() }
        loop.run()
        #expect(found.all.sorted() == ["n0", "n17", "n\(Self.count - 1)", "new"].map(world.queue).sorted())
    }

    @Test("are brought each lite topic in its turn although one of them always has more", arguments: [false, true])
    func fairTurns(comesAnew: Bool) throws {
        let world = try LiteWorld()
        world.world.groups.withLockedValue { $0[LiteWorld.group]?.attributes[AttributeName.liteWildcard] = "true" }
        world.send("a", 96)
        if !comesAnew { world.send("b", 96) }
        try world.control("1", .completeAdd)
        var found: Set<String> = []
        for _ in 0..<3 {
            if comesAnew { world.send("b", 96) }
            let batch = try #require(world.pop("1", poll: 0).all.first?.batch)
            #expect(batch.messages.count == 32)
            let name = try #require(batch.liteQueues.first?.name)
            found.insert(name)
            for message in batch.messages {
                try world.ack(name == world.queue("a") ? "a" : "b", message.queueOffset, popMillis: batch.popMillis)
            }
        }
        #expect(found == [world.queue("a"), world.queue("b")])
    }

    @Test("do not keep others beyond their time when all is visible again at once")
    func deadlines() throws {
        // Each look at the clock takes a millisecond: time is the work that is done.
        let clock = NIOLockedValueBox<(now: Int64, step: Int64)>((1_700_000_000_000, 0))
        let world = try world {
            clock.withLockedValue { clock in
                clock.now += clock.step
                return clock.now
            }
        }
        let answeredAt = NIOLockedValueBox<Int64?>(nil)
        var request = LitePopRequest(group: "other", clientID: "2", topic: "P")
        request.pollMillis = 61_000
        world.lite.pop(request) { _ in answeredAt.withLockedValue { $0 = clock.withLockedValue { $0.now } } }
        let start = clock.withLockedValue { clock in
            clock.now += 60_500
            clock.step = 1
            return clock.now
        }
        world.lite.fireTimers()
        let end = clock.withLockedValue { $0.now }
        let late = try #require(answeredAt.withLockedValue { $0 }) - start - 500
        #expect(end - start >= Int64(Self.count), "looking at all of them took long")
        #expect(late >= 0 && late < 1_000)
    }
}
