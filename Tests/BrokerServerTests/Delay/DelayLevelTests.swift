import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

@Suite("Delay levels")
struct DelayLevelTests {
    @Test("a message waits in the queue of its level as Apache has it, and is copied with all it had")
    func golden() async throws {
        let world = try DelayWorld()
        try await world.createTopic("StoreDelay")
        let sent = [
            (name: "UNIQ_KEY", value: "K1"), (name: "DELAY", value: "1"), (name: "TAGS", value: "TagD"),
            (name: "KEYS", value: "lvl1"), (name: "WAIT", value: "true"), (name: "REAL_TOPIC", value: "Forged"),
        ]
        let receipt = try world.send("StoreDelay", "delay level 1", queueID: 2, sent).get()
        #expect(receipt.queueID == 2)
        world.run()
        let waiting = try #require(try world.records(NameRules.scheduleTopic).first)
        let expected = [
            "UNIQ_KEY": "K1", "DELAY": "1", "TAGS": "TagD", "KEYS": "lvl1", "WAIT": "true",
            "MSG_REGION": "DefaultRegion", "CLUSTER": "DefaultCluster", "TRACE_ON": "true",
            "REAL_TOPIC": "StoreDelay", "REAL_QID": "2",
        ]
        let text = String(buffer: waiting.properties)
        #expect(PropertyText.dictionary(text) == expected)
        #expect(PropertyText.parse(text).count == expected.count && !text.hasSuffix("\u{2}"))
        #expect(try world.bodies("StoreDelay", queueID: 2) == [])
        // Apache delivers by the time in the queue.
        var buffer = ByteBuffer()
        let unit = world.broker.store.read(
            topic: NameRules.scheduleTopic, queueId: 0, from: 0, maxCount: 1, maxBytes: 1 << 20, into: &buffer)
        #expect(unit.records.first?.tagsCode == world.nowMillis + 1_000)

        world.advance(millis: 999)
        #expect(try world.bodies("StoreDelay", queueID: 2) == [])
        world.advance(millis: 1)
        let copy = try #require(try world.records("StoreDelay", queueID: 2).first)
        #expect(String(buffer: copy.body) == "delay level 1")
        #expect(copy.properties == waiting.properties)
        #expect(copy.bornTimestampMillis == waiting.bornTimestampMillis && copy.bornHost == waiting.bornHost)
        #expect(copy.storeTimestampMillis == world.nowMillis)
    }

    @Test("each level waits for its time; one above the highest counts as the highest")
    func levels() async throws {
        let world = try DelayWorld { $0.delay.levels = DelayLevels(parsing: "2s 1s 3s") ?? .apache }
        try await world.createTopic("T")
        let start = world.nowMillis
        for level in [1, 2, 3, 9] { world.send("T", "\(level)", [("DELAY", "\(level)")]) }
        world.advance(millis: 4_000, step: 100)
        let copies = try world.records("T")
        #expect(copies.map { String(buffer: $0.body) } == ["2", "1", "3", "9"])
        #expect(copies.map { $0.storeTimestampMillis - start } == [1_000, 2_000, 3_000, 3_000])
        #expect(copies.last?.property("DELAY") == "3")
    }

    @Test("a killed broker delivers what waits, late but not again what it had delivered")
    func killed() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        for number in 0..<300 {
            world.send("T", "\(number)", [("DELAY", number.isMultiple(of: 2) ? "1" : "2"), ("UNIQ_KEY", "\(number)")])
        }
        // A producer that repeats a send: both are messages.
        for _ in 0..<2 { world.send("T", "twice", [("DELAY", "2"), ("UNIQ_KEY", "twice")]) }
        world.broker.store.flushStep()
        world.advance(millis: 1_000)
        #expect(try world.bodies("T").count == 150)
        // The progress is saved about now, the copies of the second level come after it.
        world.broker.store.flushStep()
        world.advance(millis: 2_000)
        world.clock.set(world.nowMillis + 2_000)
        while world.broker.store.dispatchStep() {}
        _ = world.delay.pass()
        let second = try world.killed()
        second.advance(millis: 60_000, step: 1_000)
        let bodies = try second.bodies("T")
        #expect(bodies.count == 302)
        #expect(Set(bodies).count == 301)
        let third = try second.killed()
        third.advance(millis: 5_000, step: 1_000)
        #expect(try third.bodies("T").count == 302)
    }

    @Test("without any saved progress everything is delivered again rather than lost")
    func noProgress() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        world.send("T", "a", [("DELAY", "1")])
        world.advance(millis: 1_000)
        #expect(try world.bodies("T") == ["a"])
        world.storage.remove(DelayProgress.fileName)
        let second = try world.killed()
        second.run()
        #expect(try second.bodies("T") == ["a", "a"])
    }

    @Test("progress is saved only when the copies are on the disk, and in Apache's form")
    func progress() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        world.send("T", "a", [("DELAY", "1")])
        world.advance(millis: 3_000)
        await world.settleWorker()
        #expect(try saved(world).offsets == [:])
        world.broker.store.flushStep()
        world.advance(millis: 200)
        await world.settleWorker()
        let text = String(decoding: try #require(world.storage.content(DelayProgress.fileName)), as: UTF8.self)
        #expect(text.contains("\"offsetTable\":{1:1"))
        #expect(try saved(world).offsets == [1: 1])
    }

    @Test("progress is saved as the log grows, so that a start after a crash reads a bounded part of it")
    func progressFollowsTheLog() async throws {
        let world = try DelayWorld { $0.store.commitLogFileBytes = 1 << 27 }
        try await world.createTopic("T")
        #expect(try saved(world).logOffset == 0)
        let body = String(repeating: "x", count: 4_000_000)
        for _ in 0..<Int(DelayService.unreadBytesMax) / body.utf8.count { world.send("T", body, []) }
        world.run()
        #expect(try saved(world).logOffset == 0, "not for less")
        for _ in 0..<2 { world.send("T", body, []) }
        world.broker.store.flushStep()
        world.advance(millis: 1_100)
        await world.settleWorker()
        #expect(try saved(world).logOffset == world.broker.store.maxLogOffset)
    }

    private func saved(_ world: DelayWorld) throws -> DelayProgress {
        let bytes = try #require(world.storage.content(DelayProgress.fileName))
        return try DelayProgress(json: JSONValue(parsing: bytes))
    }

    @Test("many that are due at once come in the order in which they were sent")
    func batchOrder() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        for number in 0..<1_000 { world.send("T", "\(number)", [("DELAY", "1")]) }
        world.advance(millis: 1_000, step: 500)
        #expect(try world.bodies("T") == (0..<1_000).map(String.init))
    }

    @Test("records that say no target, or one where nothing may go, are passed over")
    func strangers() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        for properties in [
            "DELAY\u{1}1", "DELAY\u{1}1\u{2}REAL_TOPIC\u{1}RMQ_SYS_TRANS_HALF_TOPIC\u{2}REAL_QID\u{1}0",
            "DELAY\u{1}1\u{2}REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}-1",
            "DELAY\u{1}1\u{2}REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}0",
        ] {
            let message = StoreMessage(
                topic: NameRules.scheduleTopic, queueId: 0, bornTimestampMillis: 1, bornHost: .unknown,
                storeHost: .unknown, properties: ByteBuffer(string: properties), body: ByteBuffer(string: "x"))
            world.broker.store.append(message) { _ in }
        }
        world.advance(millis: 1_100)
        #expect(try world.bodies("T") == ["x"])
        #expect(world.broker.store.maxOffset(topic: NameRules.halfTopic, queueId: 0) == 0)
    }

    @Test("a message that goes to dead letters does not wait")
    func deadLetter() async throws {
        let world = try DelayWorld()
        try await world.createTopic("%RETRY%G", queues: 1)
        var request = SendRequest(
            topic: "%RETRY%G", bornTimestampMillis: 1, bornHost: .unknown, body: ByteBuffer(string: "x"))
        request.queueID = 0
        request.reconsumeTimes = 17
        request.properties = ByteBuffer(string: "DELAY\u{1}3\u{2}")
        let outcome = await withCheckedContinuation { done in
            world.broker.send(request) { done.resume(returning: $0) }
        }
        guard case .stored = outcome else { throw BrokerError(.store, "\(outcome)") }
        world.run()
        #expect(try world.bodies("%DLQ%G") == ["x"])
        request.reconsumeTimes = 1
        world.broker.send(request) { _ in }
        world.advance(millis: 10_000, step: 1_000)
        #expect(try world.bodies("%RETRY%G") == ["x"])
    }
}

extension DelayWorld {
    /// Waits until what was given to the registry worker is done.
    func settleWorker() async {
        await withCheckedContinuation { done in
            guard broker.worker.submit({ done.resume() }) else { return done.resume() }
        }
    }
}
