import InMemoryFileSystem
import MessageModel
import NIOCore
import Testing

@testable import StorageEngine

@Suite("What is read from the disk")
struct ResidencyTests {
    @Test("files of the log are not read ahead where that is off: those found and those made")
    func logIsNotReadAhead() throws {
        let fixture = StoreFixture()
        fixture.configuration.readsAhead = false
        let body = String(repeating: "x", count: 60_000)
        var expected: [String: Bool] = [:]
        for starts in 1...2 {
            let files = FailingFileSystem()
            let store = fixture.makeStore(files: files)
            _ = try store.open(driving: .steps)
            // Two messages fill a file.
            for _ in 0..<3 { _ = try #require(StoreFixture.append([StoreFixture.message(body)], to: store).receipt) }
            let told = files.faults.withLockedValue { $0.logReadAhead }
            for segment in try files.list(fixture.root + "/commitlog") { expected[segment.name] = false }
            #expect(told == expected && told.count == 1 + starts)
            store.setReadAhead(true)
            #expect(files.faults.withLockedValue { $0.logReadAhead } == expected.mapValues { _ in true })
            try store.close()
        }
    }

    @Test(
        "old messages that are not in memory may have to be waited for, also the newest of a queue with little traffic")
    func cold() throws {
        let files = InMemoryFileSystem()
        var configuration = StoreConfiguration(rootPath: "/store")
        configuration.commitLogFileBytes = 4 << 20
        configuration.diskWarningPercent = 100
        configuration.diskCleanForciblyPercent = 100
        let clock = ManualClock()
        let store = MessageStore(configuration: configuration, fileSystem: files, clock: clock)
        _ = try store.open(driving: .steps)
        func send(_ topic: String, bytes: Int) throws {
            let message = StoreFixture.message(String(repeating: "x", count: bytes), topic: topic)
            _ = try #require(StoreFixture.append([message], to: store).receipt)
        }
        for _ in 0..<3 { try send("Slow", bytes: 100) }
        for _ in 0..<36 { try send("Busy", bytes: 1 << 20) }
        while store.dispatchStep() {}
        func mayBlock(_ topic: String, _ from: Int64, count: Int = 1, queueId: Int32 = 0) -> Bool {
            store.readMayBlock(topic: topic, queueId: queueId, from: from, maxCount: count)
        }
        #expect(!mayBlock("Slow", 0) && !mayBlock("Busy", 0, count: 32))
        files.setEvicted()
        // What the system said holds for a moment.
        clock.advance(ResidentStretches.validMillis - 1)
        #expect(!mayBlock("Slow", 0) && !mayBlock("Busy", 0, count: 32))
        clock.advance(1)
        #expect(mayBlock("Slow", 0) && mayBlock("Slow", 2) && mayBlock("Slow", 0, count: 100))
        #expect(mayBlock("Busy", 0) && mayBlock("Busy", 0, count: 32))
        // What was just written is in memory whatever the system says; where there is nothing there is nothing to wait for.
        #expect(!mayBlock("Busy", 35))
        #expect(
            !mayBlock("Slow", 3) && !mayBlock("Slow", -1) && !mayBlock("None", 0) && !mayBlock("Slow", 0, queueId: 1))
        files.setEvicted(false)
        #expect(!mayBlock("Slow", 0), "a part is looked at by itself when not all around it was in memory")
        try store.close()
    }

    /// A store whose topic `Wide` has a message at each MB of the log, the rest of which is of `Between`.
    private func wideStore(_ files: InMemoryFileSystem, _ clock: ManualClock) throws -> MessageStore {
        var configuration = StoreConfiguration(rootPath: "/store")
        configuration.commitLogFileBytes = 64 << 20
        configuration.diskWarningPercent = 100
        configuration.diskCleanForciblyPercent = 100
        let store = MessageStore(configuration: configuration, fileSystem: files, clock: clock)
        _ = try store.open(driving: .steps)
        for number in 0..<50 {
            let tag = number.isMultiple(of: 2) ? "even" : "odd"
            let wide = StoreFixture.message("w", topic: "Wide", properties: "TAGS\u{1}\(tag)\u{2}")
            let between = StoreFixture.message(String(repeating: "x", count: 1 << 20), topic: "Between")
            for message in [wide, between] { _ = try #require(StoreFixture.append([message], to: store).receipt) }
        }
        while store.dispatchStep() {}
        return store
    }

    @Test("a read waits for each message it takes, however far they lie from each other, and for no other")
    func scattered() throws {
        let (files, clock) = (InMemoryFileSystem(), ManualClock())
        let store = try wideStore(files, clock)
        var buffer = ByteBuffer()
        let read = store.read(topic: "Wide", queueId: 0, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        let second = Int(try #require(read.records.count == 32 ? read.records[1].logOffset : nil))
        files.setEvicted { path, range in path.contains("commitlog") && range.contains(second) }
        func mayBlock(
            _ from: Int64, _ count: Int, maxBytes: Int = 1 << 20, matching: ((Int64) -> Bool)? = nil,
            filters: Bool = false
        ) -> Bool {
            store.readMayBlock(
                topic: "Wide", queueId: 0, from: from, maxCount: count, maxBytes: maxBytes, matching: matching,
                filters: filters)
        }
        #expect(!mayBlock(0, 1) && mayBlock(0, 2) && mayBlock(0, 32) && mayBlock(1, 1) && !mayBlock(2, 10))
        #expect(!mayBlock(0, 2, maxBytes: 1), "it ends before")
        // A filter on tags passes over it, one on properties has to look at it.
        let (even, odd) = (read.records[0].tagsCode, read.records[1].tagsCode)
        #expect(!mayBlock(0, 32, matching: { $0 == even }) && mayBlock(0, 1, matching: { $0 == odd }))
        #expect(!mayBlock(2, 32, matching: { $0 == odd }) && mayBlock(0, 1, filters: true))
        try store.close()
    }

    @Test("a queue whose file is not open, or not in memory, is waited for too")
    func coldQueue() throws {
        let fixture = StoreFixture()
        let files = InMemoryFileSystem()
        let first = fixture.makeStore(files: files)
        _ = try first.open(driving: .steps)
        for _ in 0..<300 { _ = try #require(StoreFixture.append([StoreFixture.message("m")], to: first).receipt) }
        while first.dispatchStep() {}
        #expect(!first.readMayBlock(topic: "T", queueId: 0, from: 299, maxCount: 1), "written just now")
        try first.close()
        let store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        func mayBlock(_ from: Int64) -> Bool { store.readMayBlock(topic: "T", queueId: 0, from: from, maxCount: 32) }
        #expect(mayBlock(0) && mayBlock(299), "to open a file may read the disk")
        var buffer = ByteBuffer()
        _ = store.read(topic: "T", queueId: 0, from: 0, maxCount: 1, maxBytes: 1, into: &buffer)
        #expect(!mayBlock(0) && !mayBlock(299))
        files.setEvicted { path, range in path.contains("consumequeue") && range.contains(40 * QueueUnit.size) }
        #expect(!mayBlock(9), "what the system said holds for a moment")
        fixture.clock.advance(ResidentStretches.validMillis)
        #expect(!mayBlock(0) && mayBlock(9) && mayBlock(40) && !mayBlock(41) && !mayBlock(299))
        try store.close()
    }
}
