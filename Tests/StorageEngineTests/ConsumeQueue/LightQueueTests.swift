import Foundation
import MessageModel
import NIOCore
import Testing

@testable import StorageEngine

/// Light queues: a record in the queue of its topic and in another one that has no topic, as Apache's LMQ are.
@Suite struct LightQueueTests {
    private static func send(
        _ names: String..., to store: MessageStore, _ fixture: StoreFixture, properties: String = "KEYS\u{1}k\u{2}"
    ) throws {
        for (number, name) in names.enumerated() {
            let queue = LiteTopicName(parent: "T", lite: name).queueName
            var message = StoreFixture.message(
                "\(name)\(number)", properties: properties + "INNER_MULTI_DISPATCH\u{1}\(queue)")
            message.lightQueue = queue
            _ = try #require(StoreFixture.append([message], to: store).receipt)
        }
        // Once for each of its queues.
        fixture.awaitDispatch(2 * names.count)
    }

    private static func bodies(_ name: String, of store: MessageStore) -> [String] {
        let queue = LiteTopicName(parent: "T", lite: name).queueName
        var buffer = ByteBuffer()
        let read = store.read(topic: queue, queueId: 0, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        return read.records.map { slot in
            buffer.withUnsafeReadableBytes { bytes in
                let record = UnsafeRawBufferPointer(rebasing: bytes[slot.range])
                guard case .record(let header) = RecordHeader.read(record, checksBody: true) else { return "?" }
                let text = UnsafeRawBufferPointer(rebasing: record[header.properties])
                let offset = PropertyText.integer("INNER_MULTI_QUEUE_OFFSET", in: text)
                let body = record[(header.topic.lowerBound - 3)..<(header.topic.lowerBound - 1)]
                return offset == .value(slot.queueOffset) && header.size == slot.size
                    ? String(decoding: body, as: UTF8.self) : "wrong offset"
            }
        }
    }

    @Test func aRecordIsInBothQueues() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        try Self.send("a", "b", "a", to: store, fixture)
        try Self.send("a", to: store, fixture, properties: "")
        #expect(store.maxOffset(topic: "T", queueId: 0) == 4)
        #expect(Self.bodies("a", of: store) == ["a0", "a2", "a0"])
        #expect(Self.bodies("b", of: store) == ["b1"])
        #expect(Set(store.lightQueues) == ["%LMQ%$T$a", "%LMQ%$T$b"])
        // As it lies in Apache's log: the property is the last one, without a separator behind.
        var record = ByteBuffer()
        let offset = try #require(store.logOffset(topic: "T", queueId: 0, queueOffset: 2))
        #expect(store.readRecord(logOffset: offset, into: &record))
        #expect(
            String(buffer: record).hasSuffix(
                "KEYS\u{1}k\u{2}INNER_MULTI_DISPATCH\u{1}%LMQ%$T$a\u{2}INNER_MULTI_QUEUE_OFFSET\u{1}1"))
        try store.close()
        #expect(try StoreCheck.run(fixture.configuration, files: LinuxFileSystem()).isGood)
    }

    @Test(arguments: [false, true]) func aCrashKeepsThem(_ losesQueues: Bool) throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        try Self.send("a", "b", "a", to: store, fixture)
        let copy = StoreFixture()
        try FileManager.default.copyItem(atPath: fixture.root, toPath: copy.root)
        try store.close()
        if losesQueues { try? FileManager.default.removeItem(atPath: copy.root + "/consumequeue") }
        let recovered = copy.makeStore()
        _ = try recovered.open()
        #expect(Self.bodies("a", of: recovered) == ["a0", "a2"])
        #expect(Self.bodies("b", of: recovered) == ["b1"])
        try Self.send("b", to: recovered, copy)
        #expect(Self.bodies("b", of: recovered) == ["b1", "b0"])
        try recovered.close()
        #expect(try StoreCheck.run(copy.configuration, files: LinuxFileSystem()).isGood)
    }

    @Test func aCopyInAnotherTopicIsInNoLightQueue() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        let text = "INNER_MULTI_DISPATCH\u{1}%LMQ%$T$a\u{2}INNER_MULTI_QUEUE_OFFSET\u{1}0"
        _ = StoreFixture.append([StoreFixture.message("x", topic: "U", properties: text)], to: store)
        fixture.awaitDispatch(1)
        try store.close()
        try FileManager.default.removeItem(atPath: fixture.root + "/consumequeue")
        let again = fixture.makeStore()
        _ = try again.open()
        #expect(again.lightQueues.isEmpty && again.maxOffset(topic: "U", queueId: 0) == 1)
        try again.close()
    }

    @Test func onlyQueuesThatAreStillTheSameAreDeleted() throws {
        let fixture = StoreFixture()
        var store = fixture.makeStore()
        _ = try store.open()
        try Self.send("a", "b", "a", to: store, fixture)
        let deleted = try store.deleteLightQueues([("%LMQ%$T$a", 1), ("%LMQ%$T$b", 1), ("T", 3)])
        #expect(deleted == ["%LMQ%$T$b"])
        #expect(Self.bodies("a", of: store) == ["a0", "a2"] && Self.bodies("b", of: store) == [])
        try Self.send("b", to: store, fixture)
        try store.close()
        store = fixture.makeStore()
        _ = try store.open()
        #expect(Self.bodies("b", of: store) == ["b0"])
        try store.close()
    }

    @Test func aForeignNameIsRefused() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        for name in ["%LMQ%$U$a", "T", "%LMQ%$T$a/b"] {
            var message = StoreFixture.message("x")
            message.lightQueue = name
            #expect(StoreFixture.append([message], to: store).error?.code == .illegalMessage)
        }
        try store.close()
    }
}
