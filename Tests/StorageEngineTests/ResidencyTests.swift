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
        #expect(store.readMayBlock(topic: "Slow", queueId: 0, from: 0, maxBytes: 1))
        // What was just written is in memory whatever the system says; where there is nothing there is nothing to wait for.
        #expect(!mayBlock("Busy", 35))
        #expect(
            !mayBlock("Slow", 3) && !mayBlock("Slow", -1) && !mayBlock("None", 0) && !mayBlock("Slow", 0, queueId: 1))
        files.setEvicted(false)
        #expect(!mayBlock("Slow", 0), "a part is looked at by itself when not all around it was in memory")
        try store.close()
    }
}
