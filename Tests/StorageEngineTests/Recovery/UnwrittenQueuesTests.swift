import InMemoryFileSystem
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

/// Queue units that are in no file when the process dies: the checkpoint says from where they are read again.
@Suite("Units in memory at a kill") struct UnwrittenQueuesTests {
    private static let queueCount: Int32 = 40

    private static func makeWorld() -> MemoryStoreWorld {
        var world = MemoryStoreWorld()
        world.configuration.keptQueueUnitsMax = 0
        return world
    }

    private func fill(_ store: MessageStore, rounds: Int) {
        for _ in 0..<rounds {
            for queueId in 0..<Self.queueCount { store.append(StoreFixture.message("m", queueId: queueId)) { _ in } }
        }
        while store.dispatchStep() {}
    }

    /// Every message that the log still has is there.
    private func expect(_ store: MessageStore, _ end: Int64, minAtMost: Int64 = 0) {
        for queueId in 0..<Self.queueCount {
            let start = store.minOffset(topic: "T", queueId: queueId)
            #expect(start <= minAtMost && store.maxOffset(topic: "T", queueId: queueId) == end, "queue \(queueId)")
            for offset in start..<end {
                var buffer = ByteBuffer()
                let found = store.read(
                    topic: "T", queueId: queueId, from: offset, maxCount: 1, maxBytes: 1 << 20, into: &buffer)
                #expect(found.records.first?.queueOffset == offset, "queue \(queueId) at \(offset)")
            }
        }
    }

    @Test(
        "files that a loss of power took stop no start, and nothing behind them is lost",
        arguments: [[0], [1], [2, 3], [0, 2], [4], [1, 2, 3, 4]])
    func lostFiles(numbers: [Int]) throws {
        try lose(numbers, and: ["checkpoint", "queuebounds"])
    }

    @Test("nor is what lies behind a gap, also where a checkpoint says that it is on the disk")
    func gap() throws {
        try lose([2, 3], and: ["queuebounds"])
    }

    private func lose(_ numbers: [Int], and names: [String]) throws {
        var world = MemoryStoreWorld()
        world.configuration.consumeQueueFileBytes = 200
        var (store, _) = try world.open()
        for _ in 0..<45 { store.append(StoreFixture.message("m")) { _ in } }
        while store.dispatchStep() {}
        #expect(store.housekeepingStep())
        // The queue is in its files, and no file says what should be.
        for name in names where world.files.exists("/store/" + name) {
            try world.files.remove("/store/" + name)
        }
        for _ in 0..<2 {
            world.files = world.files.afterKill()
            for number in numbers {
                let digits = "\(number * 200)"
                let path = "/store/consumequeue/T/0/" + String(repeating: "0", count: 20 - digits.count) + digits
                try world.files.openFile(path, mode: .existing).truncate(to: 0)
            }
            (store, _) = try world.open()
            var buffer = ByteBuffer()
            let found = store.read(topic: "T", queueId: 0, from: 0, maxCount: 99, maxBytes: 1 << 20, into: &buffer)
            #expect(found.records.map(\.queueOffset) == Array(0..<45))
        }
        try store.close()
    }

    @Test(
        "a start that dies while it builds missing queues again is followed by one that builds them",
        arguments: [
            "/store/consumequeue", "/store/consumequeue/T/20",
        ])
    func rebuildIsTakenUpAgain(missing: String) throws {
        var world = Self.makeWorld()
        let store = try world.open().store
        fill(store, rounds: 20)
        try store.close()
        try world.files.removeTree(missing)
        // Some of what is built has been written by then.
        world.files.inject(
            DiskFault(.write, path: "/consumequeue/T/20", passing: 10, effect: .inputOutput, isLasting: true))
        #expect(throws: StoreError.self) { _ = try world.open().store }
        #expect(world.files.exists("/store/consumequeue/T/20"))
        world.files = world.files.afterKill()
        world.files.heal()
        let again = try world.open().store
        expect(again, 20)
        try again.close()
        let last = try world.open().store
        expect(last, 20)
        try last.close()
    }

    @Test("after a kill the log is read from its start when what the checkpoint names is deleted")
    func deletedFilesTakeNoUnits() throws {
        var world = Self.makeWorld()
        let first = try world.open().store
        fill(first, rounds: 80)
        // The last checkpoint of this life is younger than the first record of each file.
        world.clock.advance(60_000)
        fill(first, rounds: 25)
        try first.close()
        try world.files.removeTree("/store/consumequeue")
        world.configuration.keptQueueUnitsMax = 1 << 20
        world.configuration.queueWritesPerRound = 1
        world.configuration.retentionBytesMax = 262_144
        let store = try world.open().store
        #expect(store.maxLogOffset > 262_144 && store.maxLogOffset < 393_216)
        #expect(store.housekeepingStep())
        #expect(try store.deleteExpired())
        #expect(store.minLogOffset == 131_072)
        world.files = world.files.afterKill()
        let again = try world.open().store
        expect(again, 105, minAtMost: 40)
        try again.close()
    }

    @Test("a queue that is written out while a checkpoint looks at it is looked at by the next")
    func writingBesideACheckpoint() throws {
        let world = Self.makeWorld()
        let table = ConsumeQueueTable(
            files: world.files, configuration: world.configuration, notices: StoreNotices())
        let queue = table.queue(topic: "T", queueId: 0)
        let rounds = NIOLockedValueBox((count: 0, saved: Int64(0), isOver: false))
        let checkpoints = try #require(
            WorkerThread(name: "checkpoints") {
                while !rounds.withLockedValue({ $0.isOver }) {
                    let changed = table.takeChanged()
                    for queue in changed { _ = queue.beginCheckpoint() }
                    let saved = changed.last?.boundsToSave?.offsets.upperBound
                    rounds.withLockedValue { rounds in
                        rounds.count += 1
                        if let saved { rounds.saved = saved }
                    }
                }
            })
        for offset in 0..<Int64(3_000) {
            try queue.add(QueueUnit(logOffset: offset * 100, recordSize: 100, tagsCode: 0), at: offset, nowMillis: 0)
            try queue.writeOut()
            let now = rounds.withLockedValue { $0.count }
            while rounds.withLockedValue({ $0.count }) < now + 2 {}
            #expect(rounds.withLockedValue { $0.saved } == offset + 1)
        }
        rounds.withLockedValue { $0.isOver = true }
        checkpoints.join()
    }
}
