import InMemoryFileSystem
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

@Suite("Timers")
struct TimerTests {
    private func due(_ millis: Int64, key: String) -> [(name: String, value: String)] {
        [("TIMER_DELIVER_MS", "\(millis)"), ("UNIQ_KEY", key)]
    }

    @Test("a message waits in the timer topic as Apache has it, and is copied to the millisecond")
    func golden() async throws {
        let world = try DelayWorld()
        try await world.createTopic("StoreDelay")
        let start = world.nowMillis
        world.send(
            "StoreDelay", "timer", queueID: 1,
            [("TIMER_DELAY_SEC", "3"), ("UNIQ_KEY", "K"), ("TAGS", "TagT"), ("WAIT", "true")])
        world.run()
        let waiting = try #require(try world.records(NameRules.timerTopic).first)
        var expected = [
            "TIMER_DELAY_SEC": "3", "TIMER_OUT_MS": "1800000003000", "UNIQ_KEY": "K", "TAGS": "TagT", "WAIT": "true",
            "MSG_REGION": "DefaultRegion", "CLUSTER": "DefaultCluster", "TRACE_ON": "true",
            "REAL_TOPIC": "StoreDelay", "REAL_QID": "1",
        ]
        #expect(PropertyText.dictionary(String(buffer: waiting.properties)) == expected)
        world.advance(millis: 2_999, step: 1)
        #expect(try world.bodies("StoreDelay", queueID: 1) == [])
        world.advance(millis: 1)
        let copy = try #require(try world.records("StoreDelay", queueID: 1).first)
        #expect(copy.storeTimestampMillis == start + 3_000)
        expected["TIMER_ENQUEUE_MS"] = "1800000000000"
        expected["TIMER_DEQUEUE_MS"] = "\(start + 3_000)"
        #expect(PropertyText.dictionary(String(buffer: copy.properties)) == expected)
        #expect(copy.bornTimestampMillis == waiting.bornTimestampMillis && copy.bornHost == waiting.bornHost)
    }

    @Test("a time that has passed is delivered at once; one too far away is refused")
    func bounds() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        let now = world.nowMillis
        world.send("T", "past", due(now, key: "a"))
        #expect(world.broker.store.maxOffset(topic: NameRules.timerTopic, queueId: 0) == 0)
        let max: Int64 = 40 * 86_400_000
        #expect(throws: Never.self) { try world.send("T", "far", due(now + max, key: "b")).get() }
        guard case .failure(let error) = world.send("T", "x", due(now + max + 1, key: "c")) else {
            throw BrokerError(.store, "not refused")
        }
        #expect(error.code == .messageIllegal)
        world.run()
        #expect(try world.bodies("T") == ["past"])
    }

    @Test("with timers switched off there are none")
    func off() async throws {
        let world = try DelayWorld { $0.delay.takesTimers = false }
        try await world.createTopic("T")
        guard case .failure(let error) = world.send("T", "x", [("TIMER_DELAY_SEC", "1")]) else {
            throw BrokerError(.store, "not refused")
        }
        #expect(error.code == .systemError)
    }

    @Test("a recall holds when the broker was down at the time")
    func recallWhileDown() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        let receipt = try world.send("T", "a", [("TIMER_DELAY_SEC", "2"), ("UNIQ_KEY", "a")]).get()
        world.send("T", "b", [("TIMER_DELAY_SEC", "2"), ("UNIQ_KEY", "b")])
        world.broker.recall(topic: "T", handle: try #require(receipt.recallHandle), producerGroup: nil) { _ in }
        world.run()
        let second = try world.killed()
        second.clock.set(second.nowMillis + 60_000)
        second.run()
        #expect(try second.bodies("T") == ["b"])
    }

    @Test("nor does a start deliver before it has read the order to take it back")
    func recallFarBehind() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        let receipt = try world.send("T", "a", [("TIMER_DELAY_SEC", "2"), ("UNIQ_KEY", "a")]).get()
        for number in 0..<600 { world.send("T", "later", [("TIMER_DELAY_SEC", "600"), ("UNIQ_KEY", "l\(number)")]) }
        world.broker.recall(topic: "T", handle: try #require(receipt.recallHandle), producerGroup: nil) { _ in }
        world.run()
        let second = try world.killed()
        second.clock.set(second.nowMillis + 60_000)
        second.run()
        #expect(try second.bodies("T") == [])
        second.clock.set(second.nowMillis + 600_000)
        second.run()
        #expect(try second.bodies("T").count == 600)
    }

    @Test("what the disk does not give for a while is delivered then", arguments: ["commitlog", "consumequeue"])
    func unreadable(path: String) async throws {
        let files = InMemoryFileSystem()
        let world = try DelayWorld(files: files) { $0.store.keptQueueUnitsMax = 0 }
        try await world.createTopic("T")
        world.send("T", "a", due(world.nowMillis + 1_000, key: "a"))
        if path == "commitlog" { world.run() } else { while world.broker.store.dispatchStep() {} }
        files.inject(DiskFault(.read, path: path, effect: .inputOutput, isLasting: true))
        world.advance(millis: 1_500, step: 500)
        files.heal()
        #expect(try world.bodies("T") == [])
        world.advance(millis: 5_000, step: 500)
        #expect(try world.bodies("T") == ["a"])
    }

    @Test("more than may wait are refused, and taken again when some are delivered")
    func full() async throws {
        let world = try DelayWorld { $0.delay.timersMax = 2 }
        try await world.createTopic("T")
        for _ in 0..<2 {
            _ = try world.send("T", "x", [("TIMER_DELAY_SEC", "1")]).get()
            world.run()
        }
        guard case .failure(let error) = world.send("T", "x", [("TIMER_DELAY_SEC", "1")]) else {
            throw BrokerError(.store, "not refused")
        }
        #expect(error.code == .systemError && error.message.contains("flow control"))
        world.advance(millis: 1_000)
        _ = try world.send("T", "x", [("TIMER_DELAY_SEC", "1")]).get()
    }

    @Test("over kills at any moment: none early, none lost, none twice")
    func kills() async throws {
        var random = SystemRandomNumberGenerator()
        var world = try DelayWorld()
        try await world.createTopic("T", queues: 1)
        var wanted: [String: Int64] = [:]
        for number in 0..<300 {
            let time = world.nowMillis + Int64.random(in: 1...12_000, using: &random)
            wanted["\(number)"] = time
            world.send("T", "\(number)", due(time, key: "\(number)"))
        }
        for _ in 0..<4 {
            world.advance(millis: Int64.random(in: 500...3_000, using: &random), step: 250)
            if Bool.random(using: &random) { world.broker.store.flushStep() }
            await world.settleWorker()
            world = try world.killed()
        }
        world.advance(millis: 14_000, step: 500)
        let records = try world.records("T")
        #expect(records.count == 300)
        #expect(Set(records.map { String(buffer: $0.body) }).count == 300)
        let lateness = try records.map { record in
            record.storeTimestampMillis - (try #require(wanted[String(buffer: record.body)]))
        }
        #expect(lateness.allSatisfy { (0...500).contains($0) }, "\(lateness.min() ?? 0) to \(lateness.max() ?? 0) ms")
    }

    @Test("what waits for long is written anew before its file grows old, and delivered once")
    func rolling() async throws {
        let world = try DelayWorld { $0.delay.timerRollMillis = 3_600_000 }
        try await world.createTopic("T")
        world.send("T", "long", [("TIMER_DELAY_SEC", "\(10 * 3_600)"), ("UNIQ_KEY", "long")])
        let receipt = try world.send("T", "recalled", [("TIMER_DELAY_SEC", "\(10 * 3_600)"), ("UNIQ_KEY", "r")]).get()
        world.run()
        world.broker.recall(topic: "T", handle: try #require(receipt.recallHandle), producerGroup: nil) { _ in }
        world.send("T", "short", [("TIMER_DELAY_SEC", "1"), ("UNIQ_KEY", "short")])
        world.advance(millis: 5 * 3_600_000, step: 60_000)
        let waiting = try world.records(NameRules.timerTopic)
        #expect(waiting.compactMap { $0.property("TIMER_ROLL_TIMES") }.contains("4"))
        world.broker.store.flushStep()
        world.advance(millis: 3_000, step: 1_000)
        await world.settleWorker()
        let second = try world.killed { $0.delay.timerRollMillis = 3_600_000 }
        second.advance(millis: 6 * 3_600_000, step: 60_000)
        let bodies = try second.bodies("T")
        #expect(bodies == ["short", "long"])
    }
}

@Suite("Recalling")
struct RecallTests {
    private func code(_ world: DelayWorld, _ topic: String, _ handle: String) -> ResponseCode {
        var code = ResponseCode.systemBusy
        let box = Box()
        world.broker.recall(topic: topic, handle: handle, producerGroup: "g") { box.set($0) }
        switch box.result {
        case .success?: code = .success
        case .failure(let error)?: code = error.code
        case nil: break
        }
        return code
    }

    @Test("a message that is taken back is not delivered, others of its second are")
    func recall() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        let at = "\(world.nowMillis + 5_000)"
        let receipt = try world.send("T", "a", [("TIMER_DELIVER_MS", at), ("UNIQ_KEY", "a")]).get()
        world.send("T", "b", [("TIMER_DELIVER_MS", at), ("UNIQ_KEY", "b")])
        let text = try #require(receipt.recallHandle)
        let handle = try #require(RecallHandle(text: text))
        #expect(handle.topic == "T" && handle.brokerName == "broker-a" && handle.messageID == "a")
        #expect(handle.deliverMillis == 1_800_000_005_001)
        world.advance(millis: 2_000)
        #expect(code(world, "T", text) == .success)
        #expect(code(world, "T", text) == .success)
        world.advance(millis: 10_000)
        #expect(try world.bodies("T") == ["b"])
        #expect(code(world, "T", text) == .illegalOperation)
    }

    @Test("refusals have Apache's codes")
    func refusals() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        try await world.createTopic("U")
        let receipt = try world.send("T", "a", [("TIMER_DELAY_SEC", "5"), ("UNIQ_KEY", "a")]).get()
        let text = try #require(receipt.recallHandle)
        #expect(code(world, "unknown", text) == .topicNotExist)
        #expect(code(world, "U", text) == .illegalOperation)
        #expect(code(world, "T", "nonsense") == .illegalOperation)
        func handle(_ broker: String, _ millis: Int64) -> String {
            RecallHandle(topic: "T", brokerName: broker, deliverMillis: millis, messageID: "a").text
        }
        #expect(code(world, "T", handle("broker-b", world.nowMillis + 1_000)) == .illegalOperation)
        #expect(code(world, "T", handle("broker-a", world.nowMillis)) == .illegalOperation)
        #expect(code(world, "T", handle("broker-a", Int64.min)) == .illegalOperation)
        #expect(code(world, "T", handle("broker-a", world.nowMillis + 40 * 86_400_000)) == .illegalOperation)
        let closed = try DelayWorld { $0.delay.isRecallEnabled = false }
        #expect(code(closed, "T", text) == .noPermission)
        // Only messages with a time can be taken back.
        #expect(try world.send("T", "a", [("DELAY", "1")]).get().recallHandle == nil)
        #expect(try world.send("T", "a", []).get().recallHandle == nil)
    }

    private final class Box: @unchecked Sendable {
        // Set before `recall` returns: the store answers at once.
        var result: Result<String, ServiceError>?
        func set(_ value: Result<String, ServiceError>) { result = value }
    }
}
