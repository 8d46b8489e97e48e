import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("Figures of delayed messages")
struct DelayFiguresTests {
    private func due(_ millis: Int64, key: String) -> [(name: String, value: String)] {
        [("TIMER_DELIVER_MS", "\(millis)"), ("UNIQ_KEY", key)]
    }

    private func count(_ topic: String, in world: DelayWorld) -> Int64? {
        world.delay.timerMetrics()["timingCount"]?[topic]?["count"]?.int64
    }

    @Test("levels tell how far they are delivered, in Apache's form")
    func levels() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        for number in 0..<3 { world.send("T", "m\(number)", [("DELAY", "2")]) }
        world.run()
        #expect(world.broker.runtimeInfo()["scheduleMessageOffset_2"] == nil)
        world.advance(millis: 5_100)
        #expect(world.broker.runtimeInfo()["scheduleMessageOffset_2"] == "3,3")
        world.send("T", "later", [("DELAY", "2")])
        world.run()
        #expect(world.broker.runtimeInfo()["scheduleMessageOffset_2"] == "3,4")
        let text = String(
            decoding: world.delay.levelProgress().serialize(unquotedIntegerKeys: true), as: UTF8.self)
        #expect(
            text.hasPrefix("{\"dataVersion\":{\"counter\":") && text.hasSuffix("},\"offsetTable\":{2:3}}"), "\(text)")
    }

    @Test("messages with a time are counted by topic while they wait, and not when they are taken back")
    func timers() async throws {
        let world = try DelayWorld()
        for topic in ["A", "B"] { try await world.createTopic(topic) }
        let now = world.nowMillis
        for number in 0..<4 { world.send("A", "m", due(now + 20_000, key: "a\(number)")) }
        let receipt = try world.send("B", "m", due(now + 40_000, key: "b")).get()
        while world.broker.store.dispatchStep() {}
        let before = world.broker.runtimeInfo()
        #expect(before["timerOffsetBehind"] == "5" && before["timerCongestNum"] == "0")
        world.run()
        let waiting = world.broker.runtimeInfo()
        #expect(waiting["timerOffsetBehind"] == "0" && waiting["timerCongestNum"] == "5")
        #expect(waiting["timerReadBehind"] == "0")
        #expect(count("A", in: world) == 4 && count("B", in: world) == 1)
        world.advance(millis: 1_000)
        #expect(Double(world.broker.runtimeInfo()["timerEnqueueTps"] ?? "") ?? 0 > 0)
        let handle = try #require(receipt.recallHandle)
        world.broker.recall(topic: "B", handle: handle, producerGroup: nil) { _ in }
        world.run()
        #expect(count("A", in: world) == 4 && count("B", in: world) == 0)
        world.advance(millis: 20_000)
        #expect(count("A", in: world) == 0)
        #expect(Double(world.broker.runtimeInfo()["timerDequeueTps"] ?? "") ?? 0 > 0)
        world.advance(millis: 25_000)
        #expect(count("B", in: world) == 0 && world.broker.runtimeInfo()["timerCongestNum"] == "0")
    }

    @Test("the checkpoint says until when all is delivered, and which messages are known")
    func checkpoint() async throws {
        let world = try DelayWorld()
        try await world.createTopic("T")
        let now = world.nowMillis
        world.send("T", "m", due(now + 10_000, key: "k"))
        world.run()
        func numbers() -> [Int64] {
            var bytes = world.delay.timerCheckpoint()
            var numbers: [Int64] = []
            while let number = bytes.readInteger(as: Int64.self) { numbers.append(number) }
            return numbers
        }
        #expect(numbers().count == 7 && Array(numbers()[1...4]) == [0, 1, 1, 0])
        #expect(numbers()[0] == now - now % 1_000)
        world.advance(millis: 30_000)
        #expect(numbers()[0] == world.nowMillis - world.nowMillis % 1_000)
    }
}
