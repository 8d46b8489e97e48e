import Foundation
import MessageModel
import NIOCore
import Testing

@testable import StorageEngine

/// Index files of Apache RocketMQ 5.1.4, read and made again.
@Suite("Apache's index files")
struct ApacheIndexTests {
    private func indexFiles(_ fixture: StoreFixture) throws -> [(name: String, bytes: [UInt8])] {
        let directory = fixture.root + "/index"
        return try FileManager.default.contentsOfDirectory(atPath: directory).sorted().map {
            ($0, Array(try Data(contentsOf: URL(fileURLWithPath: directory + "/" + $0))))
        }
    }

    private func open(_ fixture: StoreFixture) throws -> MessageStore {
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        while store.dispatchStep() {}
        return store
    }

    @Test("made again from the log they are the same bytes", arguments: ["clean", "killed"])
    func rebuild(kind: String) throws {
        let fixture = try ApacheStoreTests.unpack("store-\(kind)")
        let recorded = try indexFiles(fixture)
        #expect(recorded.count == 2)
        try FileManager.default.removeItem(atPath: fixture.root + "/index")
        let store = try open(fixture)
        try store.close()
        var made = try indexFiles(fixture).map(\.bytes)
        // The process was killed before it wrote the head of the second file for the last time.
        if kind == "killed" {
            let header = made[1].withUnsafeBytes { IndexHeader($0) }
            #expect(header.nextEntry == 97 && header.usedSlotCount == 67)
            made[1].replaceSubrange(0..<40, with: recorded[1].bytes[0..<40])
        }
        #expect(made == recorded.map(\.bytes))
    }

    @Test("a clean stop leaves them as they are")
    func clean() throws {
        let fixture = try ApacheStoreTests.unpack("store-clean")
        let recorded = try indexFiles(fixture)
        let store = try open(fixture)
        try store.close()
        let kept = try indexFiles(fixture)
        #expect(kept.map(\.name) == recorded.map(\.name))
        #expect(kept.map(\.bytes) == recorded.map(\.bytes))
    }

    @Test("after a kill the file that is not full is made again, as Apache did")
    func killed() throws {
        let fixture = try ApacheStoreTests.unpack("store-killed")
        let recorded = try indexFiles(fixture)
        let store = try open(fixture)
        try store.close()
        let made = try indexFiles(fixture)
        #expect(made.count == 2)
        #expect(made[0].name == recorded[0].name && made[0].bytes == recorded[0].bytes)
        #expect(made[1].name != recorded[1].name)
        // What the manifest says of Apache's own recovery: a message of which one key was in the full file comes again.
        let header = made[1].bytes.withUnsafeBytes { IndexHeader($0) }
        #expect(header.beginTimestampMillis == 1_795_365_039_255 && header.endTimestampMillis == 1_795_365_090_144)
        #expect(header.beginLogOffset == 209_718 && header.endLogOffset == 222_790)
        #expect(header.usedSlotCount == 67 && header.nextEntry == 98)
    }

    @Test("every message of the manifest is found by each of its keys", arguments: ["clean", "killed"])
    func findsAll(kind: String) throws {
        struct Manifest: Decodable {
            struct Store: Decodable {
                struct Message: Decodable {
                    let topic: String
                    let keys: String?
                    let commitLogOffset: Int64
                    let properties: [String: String]
                }
                let messages: [Message]
            }
            let stores: [String: Store]
        }
        let url = try #require(Bundle.module.url(forResource: "Golden/manifest", withExtension: "json"))
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: url))
        let fixture = try ApacheStoreTests.unpack("store-\(kind)")
        let store = try open(fixture)
        for message in try #require(manifest.stores[kind]).messages {
            var keys = (message.keys ?? "").split(separator: " ").map(String.init)
            if let unique = message.properties["UNIQ_KEY"] { keys.append(unique) }
            for key in keys {
                var buffer = ByteBuffer()
                let query = KeyQuery(topic: message.topic, key: key, maxCount: 1_000)
                let offsets = try store.messages(query, into: &buffer).logOffsets
                #expect(offsets.contains(message.commitLogOffset), "\(message.topic)#\(key)")
                #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count)
            }
        }
        try store.close()
    }

    @Test("hashes of keys are Java's, without sign")
    func hashes() {
        func hash(_ topic: String, _ key: String) -> Int32 {
            Array(topic.utf8).withUnsafeBytes { topic in
                Array(key.utf8).withUnsafeBytes { IndexKey.hash($0, seed: IndexKey.seed(topic: topic)) }
            }
        }
        for (topic, key) in [("T", "a"), ("StoreA", "key0"), ("主题", "键🙂"), ("", "")] {
            let java = JavaHash.hashCode("\(topic)#\(key)")
            #expect(hash(topic, key) == (java == .min ? 0 : abs(java)))
        }
        // Text whose hash is the least number of all, which has no absolute value.
        #expect(JavaHash.hashCode("polygenelubricants") == .min)
    }

    @Test("names are local times and always grow")
    func names() {
        let first = IndexFileName.name(nowMillis: 1_795_365_037_050, after: nil)
        #expect(first.hasSuffix("37050") && IndexFileName.isName(first))
        #expect(IndexFileName.name(nowMillis: 1_795_365_037_051, after: first) > first)
        let later = IndexFileName.name(nowMillis: 1, after: first)
        #expect(later > first && IndexFileName.isName(later))
    }
}
