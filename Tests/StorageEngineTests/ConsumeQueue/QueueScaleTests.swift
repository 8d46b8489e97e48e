import NIOCore
import Testing

@testable import StorageEngine

@Suite("Many queues")
struct QueueScaleTests {
    private static let queueCount: Int32 = 100

    private func fill(_ store: MessageStore) {
        for queueId in 0..<Self.queueCount { store.append(StoreFixture.message("m", queueId: queueId)) { _ in } }
        while store.dispatchStep() {}
    }

    @Test("files of queues are mapped without reading around, at first messages and at the search for their ends")
    func mapsWithoutReadingAround() throws {
        let fixture = StoreFixture()
        let files = FailingFileSystem()
        for _ in 0..<2 {
            let store = fixture.makeStore(files: files)
            _ = try store.open(driving: .steps)
            fill(store)
            try store.close()
        }
        let seen = files.faults.withLockedValue { $0 }
        #expect(seen.touchedUnadvised == 0)
        #expect(!seen.readAhead.contains(true))
        try files.remove(fixture.root + "/queuebounds")
        let again = fixture.makeStore(files: files)
        _ = try again.open(driving: .steps)
        for queueId in 0..<Self.queueCount { #expect(again.maxOffset(topic: "T", queueId: queueId) == 2) }
        #expect(files.faults.withLockedValue { $0.readAhead.count } >= Int(Self.queueCount))
        #expect(files.faults.withLockedValue { $0.touchedUnadvised } == 0)
        try again.close()
    }

    @Test("who reads far behind the end of a queue reads ahead, who follows it does not")
    func readsAheadFarBehind() throws {
        let fixture = StoreFixture()
        fixture.configuration.commitLogFileBytes = 4 << 20
        fixture.configuration.consumeQueueFileBytes = 120_000
        let files = FailingFileSystem()
        let store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        for _ in 0..<5_000 { store.append(StoreFixture.message("m")) { _ in } }
        while store.dispatchStep() {}
        #expect(store.housekeepingStep())
        var buffer = ByteBuffer()
        func read(at offset: Int64) {
            let found = store.read(topic: "T", queueId: 0, from: offset, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
            #expect(found.records.first?.queueOffset == offset)
        }
        read(at: 4_900)
        #expect(files.faults.withLockedValue { $0.readAhead } == [false])
        for offset in [0, 32, 64] as [Int64] { read(at: offset) }
        #expect(files.faults.withLockedValue { $0.readAhead } == [false, true])
        try store.close()
    }

    @Test("a checkpoint flushes many written queues in one pass, and none that was not written")
    func flushesOnce() throws {
        let fixture = StoreFixture()
        let files = FailingFileSystem()
        let store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        func flushes() -> (queues: Int, trees: Int) {
            files.faults.withLockedValue { faults in
                defer {
                    faults.queueSynchronizations = 0
                    faults.treeSynchronizations = 0
                }
                return (faults.queueSynchronizations, faults.treeSynchronizations)
            }
        }
        fill(store)
        #expect(store.housekeepingStep() && flushes() == (0, 1))
        store.append(StoreFixture.message("m", queueId: 7)) { _ in }
        while store.dispatchStep() {}
        #expect(store.housekeepingStep() && flushes() == (1, 0))
        #expect(store.housekeepingStep() && flushes() == (0, 0))
        try store.close()
        #expect(flushes() == (0, 0))
    }
}
