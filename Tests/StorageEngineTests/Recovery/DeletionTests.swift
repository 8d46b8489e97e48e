import Foundation
import InMemoryFileSystem
import NIOCore
import Testing

@testable import StorageEngine

/// Topics that were deleted stay deleted, over stops and crashes.
@Suite struct DeletionTests {
    private static func append(_ count: Int, _ fixture: StoreFixture, _ store: MessageStore) throws {
        for number in 0..<count {
            _ = try #require(StoreFixture.append([StoreFixture.message("body \(number)")], to: store).receipt)
        }
        fixture.awaitDispatch(count)
    }

    @Test func theOnlyTopicStaysDeletedOverAStop() throws {
        let fixture = StoreFixture()
        var store = fixture.makeStore()
        _ = try store.open()
        try Self.append(5, fixture, store)
        try store.deleteTopic("T")
        try store.close()
        store = fixture.makeStore()
        _ = try store.open()
        #expect(store.maxOffset(topic: "T", queueId: 0) == 0)
        #expect(StoreFixture.append([StoreFixture.message("new")], to: store).receipt?.queueOffset == 0)
        try store.close()
    }

    @Test func aCrashBringsNoDeletedMessagesBack() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        try Self.append(20, fixture, store)
        try store.deleteTopic("T")
        try Self.append(3, fixture, store)
        let copy = StoreFixture()
        try FileManager.default.copyItem(atPath: fixture.root, toPath: copy.root)
        try store.close()
        let recovered = copy.makeStore()
        _ = try recovered.open()
        #expect(recovered.maxOffset(topic: "T", queueId: 0) == 3)
        var buffer = ByteBuffer()
        let all = recovered.read(topic: "T", queueId: 0, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        #expect(all.records.count == 3)
        try recovered.close()
    }

    /// A disk in memory whose directory for the store lasts.
    private static func disk(_ seed: UInt64, _ fixture: StoreFixture) throws -> InMemoryFileSystem {
        fixture.configuration.rootPath = "/store"
        let files = InMemoryFileSystem(seed: seed)
        try files.makeDirectories("/store")
        try files.synchronizeDirectory("/")
        return files
    }

    @Test("messages of a new life are kept where deleted ones were lost with the log", arguments: UInt64(0)..<8)
    func aLostLogTakesItsDeletionsAlong(seed: UInt64) throws {
        let fixture = StoreFixture()
        var files = try Self.disk(seed, fixture)
        var store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        for _ in 0..<40 { store.append(StoreFixture.message(String(repeating: "x", count: 2_000))) { _ in } }
        while store.dispatchStep() {}
        try store.deleteTopic("T")
        files = files.afterPowerLoss()
        store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        store.append(StoreFixture.message("new")) { _ in }
        while store.dispatchStep() {}
        #expect(store.maxOffset(topic: "T", queueId: 0) == 1)
        store.flushStep()
        store = fixture.makeStore(files: files.afterKill())
        _ = try store.open(driving: .steps)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 1)
        try store.close()
    }

    @Test("a new life survives the files of the deleted one, whose removal a loss of power took back")
    func removedFilesThatComeBack() throws {
        let fixture = StoreFixture()
        var kept = 0
        for seed in UInt64(0)..<12 {
            var files = try Self.disk(seed, fixture)
            fixture.configuration.flushMode = .synchronous
            var store = fixture.makeStore(files: files)
            _ = try store.open(driving: .steps)
            func send(_ count: Int) {
                for _ in 0..<count { store.append(StoreFixture.message("m")) { _ in } }
                store.flushStep()
                while store.dispatchStep() {}
            }
            send(5)
            #expect(store.housekeepingStep())
            try store.deleteTopic("T")
            send(2)
            files = files.afterPowerLoss()
            if files.exists("/store/consumequeue/T/0/00000000000000000000") { kept += 1 }
            store = fixture.makeStore(files: files)
            _ = try store.open(driving: .steps)
            #expect(store.maxOffset(topic: "T", queueId: 0) == 2, "seed \(seed)")
            try store.close()
        }
        #expect(kept > 0)
    }

    @Test(arguments: ["..", ".", "../commitlog", "T/0", "", "/"])
    func aNameThatIsAPathDeletesNothing(_ name: String) throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        try Self.append(1, fixture, store)
        #expect(store.housekeepingStep())
        #expect(throws: StoreError.self) { try store.deleteTopic(name) }
        #expect(FileManager.default.fileExists(atPath: fixture.root + "/commitlog/00000000000000000000"))
        #expect(FileManager.default.fileExists(atPath: fixture.root + "/consumequeue/T/0/00000000000000000000"))
        try store.close()
    }

    @Test func offsetsAtTheEndOfTheRangeFindNothing() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        try Self.append(1, fixture, store)
        var buffer = ByteBuffer()
        for offset in [Int64.max, Int64.max - 7, -1, Int64.min] {
            #expect(!store.readRecord(logOffset: offset, into: &buffer))
        }
        try store.close()
    }
}

/// Queue files as a power failure leaves them: pages reach the disk in any order.
@Suite struct TornQueueTests {
    /// Loses the log from record 10 on, and the units in the range of a queue of 60.
    private static func torn(_ range: Range<Int>) throws -> StoreFixture {
        let (fixture, end) = try CrashTests.killed(60, savesQueues: true)
        let sizes = end / 60
        try? FileManager.default.removeItem(atPath: fixture.root + "/checkpoint")
        var at: Int64 = 0
        var buffer = ByteBuffer()
        let log = try #require(FileHandle(forReadingAtPath: fixture.root + "/commitlog/00000000000000000000"))
        buffer.writeBytes(try #require(try log.read(upToCount: Int(end))))
        for _ in 0..<10 { at += Int64(buffer.getInteger(at: Int(at), as: Int32.self) ?? Int32(sizes)) }
        try CrashTests.patch(fixture, at: at, [UInt8](repeating: 0, count: Int(end - at)))
        let queue = try #require(
            FileHandle(forWritingAtPath: fixture.root + "/consumequeue/T/0/00000000000000000000"))
        try queue.seek(toOffset: UInt64(range.lowerBound * 20))
        try queue.write(contentsOf: [UInt8](repeating: 0, count: range.count * 20))
        try queue.close()
        return fixture
    }

    @Test func unitsBehindAHoleAreCut() throws {
        let fixture = try Self.torn(20..<30)
        let store = fixture.makeStore()
        _ = try store.open()
        #expect(store.maxOffset(topic: "T", queueId: 0) == 10)
        #expect(StoreFixture.append([StoreFixture.message("next")], to: store).receipt?.queueOffset == 10)
        try store.close()
    }

    @Test func staleUnitsFarBehindTheEndNeverCount() throws {
        let fixture = try Self.torn(10..<40)
        var store = fixture.makeStore()
        _ = try store.open()
        for _ in 0..<28 { _ = StoreFixture.append([StoreFixture.message("next")], to: store) }
        try store.close()
        store = fixture.makeStore()
        _ = try store.open()
        #expect(store.maxOffset(topic: "T", queueId: 0) == 38)
        try store.close()
    }
}
