import Foundation
import MessageModel
import NIOCore
import Testing

@testable import StorageEngine

/// The directories that Apache RocketMQ 5.1.4 left after a clean stop and after `kill -9`.
@Suite struct ApacheStoreTests {
    struct Manifest: Decodable {
        struct Store: Decodable {
            struct Message: Decodable {
                let topic: String
                let queueId: Int32
                let queueOffset: Int64
                let commitLogOffset: Int64
                let storeSize: Int32
                let bodyLength: Int
                let sysFlag: Int32
            }
            struct Queue: Decodable {
                let units: Int64
                let first: [Int64]
                let last: [Int64]
            }
            let messages: [Message]
            let consumeQueues: [String: Queue]
            let commitLogEnd: Int64
        }
        let stores: [String: Store]
    }

    static func manifest() throws -> Manifest {
        let url = try #require(Bundle.module.url(forResource: "Golden/manifest", withExtension: "json"))
        return try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: url))
    }

    static func unpack(_ name: String) throws -> StoreFixture {
        let fixture = StoreFixture()
        let archive = try #require(Bundle.module.url(forResource: "Golden/\(name)", withExtension: "tar.gz"))
        try FileManager.default.createDirectory(atPath: fixture.root, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/bin/tar")
        tar.arguments = ["xzf", archive.path, "-C", fixture.root, "--strip-components=1"]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
        return fixture
    }

    @Test(arguments: ["clean", "killed"])
    func opensWithEveryMessageAndGoesOn(kind: String) throws {
        let expected = try #require(try Self.manifest().stores[kind])
        let fixture = try Self.unpack("store-\(kind)")
        let store = fixture.makeStore()
        let report = try store.open()
        #expect(report.wasClean == (kind == "clean"))
        #expect(report.logEnd == expected.commitLogEnd)
        #expect(report.damages.isEmpty)
        for (name, queue) in expected.consumeQueues {
            let parts = name.split(separator: "/")
            let topic = String(parts[0])
            let queueId = try #require(Int32(parts[1]))
            #expect(store.minOffset(topic: topic, queueId: queueId) == queue.first[0], "\(name)")
            #expect(store.maxOffset(topic: topic, queueId: queueId) == queue.last[0] + 1, "\(name)")
            var buffer = ByteBuffer()
            let all = store.read(
                topic: topic, queueId: queueId, from: queue.first[0], maxCount: 1_000, maxBytes: 1 << 24, into: &buffer)
            #expect(Int64(all.records.count) == queue.units, "\(name)")
            #expect(all.records.first?.logOffset == queue.first[1], "\(name)")
            #expect(all.records.last?.logOffset == queue.last[1], "\(name)")
            #expect(all.records.last.map { Int64($0.size) } == queue.last[2], "\(name)")
            #expect(all.records.last?.tagsCode == queue.last[3], "\(name)")
        }
        for message in expected.messages {
            var buffer = ByteBuffer()
            #expect(
                store.readRecord(logOffset: message.commitLogOffset, size: message.storeSize, into: &buffer),
                "\(message.commitLogOffset)")
        }
        let before = store.maxOffset(topic: "StoreA", queueId: 0)
        let receipt = StoreFixture.append([StoreFixture.message("go on", topic: "StoreA")], to: store).receipt
        #expect(receipt?.queueOffset == before)
        #expect(receipt?.logOffset == expected.commitLogEnd)
        fixture.awaitDispatch(1)
        #expect(store.maxOffset(topic: "StoreA", queueId: 0) == before + 1)
        try store.close()
    }

    @Test func rebuildsQueuesThatAreMissing() throws {
        let expected = try #require(try Self.manifest().stores["clean"])
        let fixture = try Self.unpack("store-clean")
        try FileManager.default.removeItem(atPath: fixture.root + "/consumequeue")
        let store = fixture.makeStore()
        _ = try store.open()
        for (name, queue) in expected.consumeQueues {
            let parts = name.split(separator: "/")
            var buffer = ByteBuffer()
            let all = store.read(
                topic: String(parts[0]), queueId: try #require(Int32(parts[1])), from: queue.first[0], maxCount: 1_000,
                maxBytes: 1 << 24, into: &buffer)
            #expect(Int64(all.records.count) == queue.units, "\(name)")
            #expect(all.records.last?.logOffset == queue.last[1], "\(name)")
            #expect(all.records.last?.tagsCode == queue.last[3], "\(name)")
        }
        try store.close()
    }
}
