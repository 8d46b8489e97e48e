import Foundation
import MessageModel
import NIOCore
import Testing

@testable import StorageEngine

@Suite("Key index")
struct KeyIndexTests {
    private func fixture(entries: Int = 400) -> StoreFixture {
        let fixture = StoreFixture()
        fixture.configuration.indexEntryCount = entries
        return fixture
    }

    private func open(_ fixture: StoreFixture, files: any FileSystem = LinuxFileSystem()) throws -> MessageStore {
        let store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        while store.dispatchStep() {}
        return store
    }

    private func send(_ body: String, keys: String, unique: String = "", topic: String = "T", to store: MessageStore) {
        var properties = keys.isEmpty ? "" : "KEYS\u{1}\(keys)\u{2}"
        if !unique.isEmpty { properties += "UNIQ_KEY\u{1}\(unique)\u{2}" }
        store.append(StoreFixture.message(body, topic: topic, properties: properties)) { _ in }
        store.dispatchStep()
    }

    private func found(_ query: KeyQuery, in store: MessageStore) throws -> [String] {
        var buffer = ByteBuffer()
        let result = try store.messages(query, into: &buffer)
        var bodies: [String] = []
        for _ in result.logOffsets {
            let size = try #require(buffer.getInteger(at: buffer.readerIndex, as: Int32.self))
            let record = buffer.readBytes(length: Int(size)) ?? []
            bodies.append(String(buffer: try #require(GoldenRecordTests.Parts(record)).message.body))
        }
        #expect(buffer.readableBytes == 0)
        return bodies
    }

    /// Whether touches count for staying in memory, for each piece of the index file's mapping in order.
    private func piecesThatStay(_ fixture: StoreFixture) throws -> [Bool] {
        try MappingPiece.all(below: fixture.root + "/index/").map(\.readsAhead)
    }

    @Test("the slots of a file that keys are put into stay in memory; nothing else of an index need")
    func slotsStay() throws {
        let fixture = fixture()
        do {
            let store = try open(fixture)
            send("one", keys: "a", to: store)
            let pieces = try piecesThatStay(fixture)
            #expect(pieces == [true, false])
            try store.close()
        }
        let store = try open(fixture)
        #expect(try found(KeyQuery(topic: "T", key: "a", maxCount: 9), in: store) == ["one"])
        let readOnly = try piecesThatStay(fixture)
        #expect(readOnly == [false])
        send("two", keys: "a", to: store)
        let written = try piecesThatStay(fixture)
        #expect(written == [true, false])
        try store.close()
    }

    @Test("finds by each key and by the unique key, in one topic only")
    func finds() throws {
        let fixture = fixture()
        let store = try open(fixture)
        send("one", keys: "a b  c", unique: "U1", to: store)
        send("two", keys: "b", unique: "U2", to: store)
        send("other", keys: "b", topic: "S", to: store)
        send("none", keys: "", to: store)
        #expect(try found(KeyQuery(topic: "T", key: "a", maxCount: 9), in: store) == ["one"])
        #expect(try found(KeyQuery(topic: "T", key: "b", maxCount: 9), in: store) == ["one", "two"])
        #expect(try found(KeyQuery(topic: "T", key: "c", maxCount: 9), in: store) == ["one"])
        #expect(try found(KeyQuery(topic: "T", key: "U2", maxCount: 9), in: store) == ["two"])
        #expect(try found(KeyQuery(topic: "T", key: "d", maxCount: 9), in: store).isEmpty)
        #expect(try found(KeyQuery(topic: "T", key: "", maxCount: 9), in: store).isEmpty)
        // Of more than fit, the newest.
        #expect(try found(KeyQuery(topic: "T", key: "b", maxCount: 1), in: store) == ["two"])
        #expect(try found(KeyQuery(topic: "T", key: "b", maxCount: 9, maxBytes: 1), in: store) == ["two"])
        #expect(try found(KeyQuery(topic: "T", key: "b", maxCount: 0), in: store).isEmpty)
        try store.close()
    }

    @Test("a word that is also the unique key is one message, and collisions of the hash are none")
    func exact() throws {
        let fixture = fixture()
        let store = try open(fixture)
        send("same", keys: "U1 U1", unique: "U1", to: store)
        // Java's hash of both is 2112.
        send("left", keys: "Aa", to: store)
        send("right", keys: "BB", to: store)
        #expect(try found(KeyQuery(topic: "T", key: "U1", maxCount: 9), in: store) == ["same"])
        #expect(try found(KeyQuery(topic: "T", key: "Aa", maxCount: 9), in: store) == ["left"])
        #expect(try found(KeyQuery(topic: "T", key: "BB", maxCount: 9), in: store) == ["right"])
        try store.close()
    }

    @Test("the time range is exact to the millisecond, over files too")
    func timeRange() throws {
        let fixture = fixture(entries: 4)
        let store = try open(fixture)
        let start = fixture.clock.nowMillis
        for number in 0..<10 {
            send("m\(number)", keys: "k", to: store)
            fixture.clock.advance(700)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.root + "/index").count == 4)
        func bodies(_ from: Int64, _ to: Int64) throws -> [String] {
            try found(
                KeyQuery(topic: "T", key: "k", maxCount: 99, beginMillis: start + from, endMillis: start + to),
                in: store)
        }
        #expect(try bodies(0, 6_300).count == 10)
        #expect(try bodies(700, 2_100) == ["m1", "m2", "m3"])
        #expect(try bodies(701, 2_099) == ["m2"])
        #expect(try bodies(6_300, .max - start) == ["m9"])
        #expect(try bodies(6_301, 9_000).isEmpty)
        #expect(try bodies(-9_000, -1).isEmpty)
        #expect(try bodies(0, 0) == ["m0"])
        try store.close()
    }

    @Test("goes on after a clean stop and an unclean one, without losing or repeating an entry")
    func restarts() throws {
        let fixture = fixture()
        var store = try open(fixture)
        for number in 0..<30 { send("a\(number)", keys: "k\(number % 7)", unique: "A\(number)", to: store) }
        try store.close()
        store = try open(fixture)
        for number in 0..<30 { send("b\(number)", keys: "k\(number % 7)", unique: "B\(number)", to: store) }
        fixture.clock.advance(60_000)
        #expect(store.housekeepingStep())
        for number in 0..<30 { send("c\(number)", keys: "k\(number % 7)", unique: "C\(number)", to: store) }
        let before = store.index?.state.withLock { $0.files.map(\.header) }
        // Dropped without closing: what the process had written is there, and `abort` with it.
        store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        while store.dispatchStep() {}
        #expect(store.index?.state.withLock { $0.files.map(\.header) } == before)
        for number in 0..<30 {
            for life in ["A", "B", "C"] {
                #expect(
                    try found(KeyQuery(topic: "T", key: "\(life)\(number)", maxCount: 9), in: store)
                        == ["\(life.lowercased())\(number)"])
            }
        }
        #expect(try found(KeyQuery(topic: "T", key: "k3", maxCount: 64), in: store).count == 12)
        try store.close()
    }

    @Test("entries and slots that a crash of the machine lost are made again from the log")
    func tornFile() throws {
        let fixture = fixture()
        var store = try open(fixture)
        for number in 0..<40 { send("a\(number)", keys: "k", unique: "A\(number)", to: store) }
        fixture.clock.advance(60_000)
        #expect(store.housekeepingStep())
        for number in 0..<40 { send("b\(number)", keys: "k", unique: "B\(number)", to: store) }
        let path = try #require(store.index?.state.withLock { $0.files.first?.path })
        store = fixture.makeStore()
        // The page of the slots reached the disk, that of the entries after the checkpoint did not.
        let file = try LinuxFileSystem().openFile(path, mode: .existing)
        let layout = IndexLayout(slotCount: 100, entryCount: 400)
        try file.zero(from: layout.entryAt(81), count: layout.fileBytes - layout.entryAt(81))
        _ = try store.open(driving: .steps)
        while store.dispatchStep() {}
        #expect(store.indexBehindBytes == 0 && store.indexFailure == nil)
        for number in 0..<40 {
            #expect(try found(KeyQuery(topic: "T", key: "A\(number)", maxCount: 9), in: store) == ["a\(number)"])
            #expect(try found(KeyQuery(topic: "T", key: "B\(number)", maxCount: 9), in: store) == ["b\(number)"])
        }
        #expect(try found(KeyQuery(topic: "T", key: "k", maxCount: 99), in: store).count == 80)
        try store.close()
    }

    @Test("a damaged file, a missing one and a switch that was off for a while: all comes back from the log")
    func rebuilds() throws {
        let fixture = fixture()
        var store = try open(fixture)
        for number in 0..<20 { send("a\(number)", keys: "k", to: store) }
        try store.close()
        fixture.configuration.isIndexEnabled = false
        store = try open(fixture)
        for number in 0..<20 { send("b\(number)", keys: "k", to: store) }
        #expect(try found(KeyQuery(topic: "T", key: "k", maxCount: 99), in: store).isEmpty)
        try store.close()
        fixture.configuration.isIndexEnabled = true
        store = try open(fixture)
        #expect(try found(KeyQuery(topic: "T", key: "k", maxCount: 99), in: store).count == 40)
        try store.close()
        try FileManager.default.removeItem(atPath: fixture.root + "/index")
        store = try open(fixture)
        #expect(try found(KeyQuery(topic: "T", key: "k", maxCount: 99), in: store).count == 40)
        fixture.clock.advance(60_000)
        #expect(store.housekeepingStep())
        let path = try #require(store.index?.state.withLock { $0.files.first?.path })
        store = fixture.makeStore()
        let layout = IndexLayout(slotCount: 100, entryCount: 400)
        try LinuxFileSystem().openFile(path, mode: .existing).zero(from: layout.entryAt(5), count: 20)
        _ = try store.open(driving: .steps)
        while store.dispatchStep() {}
        #expect(try found(KeyQuery(topic: "T", key: "k", maxCount: 99), in: store).count == 40)
        try store.close()
    }

    @Test("another geometry is refused with a way out, a file without size is removed")
    func geometry() throws {
        let fixture = fixture()
        let store = try open(fixture)
        send("one", keys: "a", to: store)
        try store.close()
        fixture.configuration.indexSlotCount = 101
        let error = #expect(throws: StoreError.self) { try fixture.makeStore().open(driving: .steps) }
        #expect(error?.code == .refused && error?.message.contains("remove the index directory") == true)
        fixture.configuration.indexSlotCount = 100
        let empty = fixture.root + "/index/29991231235959999"
        #expect(FileManager.default.createFile(atPath: empty, contents: nil))
        let again = try open(fixture)
        #expect(!FileManager.default.fileExists(atPath: empty))
        #expect(try found(KeyQuery(topic: "T", key: "a", maxCount: 9), in: again) == ["one"])
        try again.close()
    }

    @Test("a disk that takes no index file stops the index and not the store, and the index catches up")
    func failure() throws {
        let fixture = fixture()
        let files = FailingFileSystem()
        let store = try open(fixture, files: files)
        files.faults.withLockedValue { $0.failingPath = "/index/" }
        send("one", keys: "a", to: store)
        store.dispatchStep()
        #expect(store.indexFailure != nil && store.writeRefusal == nil)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 1)
        #expect(!store.dispatchStep())
        files.faults.withLockedValue { $0.failingPath = nil }
        fixture.clock.advance(60_000)
        while store.dispatchStep() {}
        #expect(store.indexFailure == nil)
        #expect(try found(KeyQuery(topic: "T", key: "a", maxCount: 9), in: store) == ["one"])
        try store.close()
    }

    @Test("no message waits for an index that waits for the disk; it catches up, at the latest when the store closes")
    func stuckDisk() throws {
        let fixture = fixture()
        let files = FailingFileSystem()
        let diskMoves = DispatchSemaphore(value: 0)
        files.faults.withLockedValue { $0.stuck = ("/index/", diskMoves) }
        let store = fixture.makeStore(files: files)
        _ = try store.open()
        for body in ["one", "two", "three"] {
            store.append(StoreFixture.message(body, properties: "KEYS\u{1}a\u{2}")) { _ in }
            #expect(fixture.awaitDispatch(within: 10))
        }
        #expect(store.indexBehindBytes > 0)
        diskMoves.signal()
        try store.close()
        let again = try open(fixture)
        #expect(try found(KeyQuery(topic: "T", key: "a", maxCount: 9), in: again) == ["one", "two", "three"])
        try again.close()
    }

    @Test("files whose messages are gone are removed, the newest stays")
    func retention() throws {
        let fixture = fixture(entries: 10)
        let store = try open(fixture)
        for number in 0..<30 { send(String(repeating: "x", count: 10_000), keys: "k\(number)", to: store) }
        let index = try #require(store.index)
        let before = index.state.withLock { $0.files.map(\.header) }
        #expect(before.count == 4)
        try index.removeFiles(before: before[1].endLogOffset + 1)
        #expect(index.state.withLock { $0.files.map(\.header) } == Array(before[2...]))
        try index.removeFiles(before: .max)
        #expect(index.state.withLock { $0.files.count } == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.root + "/index").count == 1)
        try store.close()
    }
}
