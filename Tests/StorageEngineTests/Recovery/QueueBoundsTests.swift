import InMemoryFileSystem
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

/// What a start knows of queues that it does not look at, and how it notices that it is not so.
@Suite("Bounds of queues") struct QueueBoundsTests {
    private static let queueCount: Int32 = 40

    private func fill(_ store: MessageStore, topics: [String] = ["A", "B"], rounds: Int = 1) {
        for _ in 0..<rounds {
            for topic in topics {
                for queueId in 0..<Self.queueCount {
                    store.append(StoreFixture.message("m", topic: topic, queueId: queueId)) { _ in }
                }
            }
        }
        while store.dispatchStep() {}
    }

    private func expect(_ store: MessageStore, _ count: Int64, topics: [String] = ["A", "B"]) {
        for topic in topics {
            for queueId in 0..<Self.queueCount {
                #expect(store.minOffset(topic: topic, queueId: queueId) == 0)
                #expect(store.maxOffset(topic: topic, queueId: queueId) == count, "\(topic)/\(queueId)")
                var buffer = ByteBuffer()
                let found = store.read(
                    topic: topic, queueId: queueId, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
                #expect(found.records.map(\.queueOffset) == Array(0..<count))
            }
        }
    }

    /// Nothing can be read of queue files: a start that looks at one fails.
    private func hideQueues(_ files: InMemoryFileSystem) {
        files.inject(DiskFault(.read, path: "/consumequeue/A/", effect: .inputOutput, isLasting: true))
        files.inject(DiskFault(.list, path: "/consumequeue/A/7", effect: .inputOutput, isLasting: true))
    }

    @Test("a start after a stop or a kill looks at no queue's files")
    func looksAtNoFiles() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        try store.close()
        hideQueues(world.files)
        (store, _) = try world.open()
        world.files.heal()
        expect(store, 1)
        // Killed with a checkpoint, and units behind it that are in memory only.
        fill(store)
        #expect(store.housekeepingStep())
        fill(store, topics: ["B"])
        world.files = world.files.afterKill()
        hideQueues(world.files)
        let report: RecoveryReport
        (store, report) = try world.open()
        world.files.heal()
        #expect(report.messagesScanned == Int(Self.queueCount) && !report.wasClean)
        expect(store, 2, topics: ["A"])
        expect(store, 3, topics: ["B"])
        fill(store)
        try store.close()
        (store, _) = try world.open()
        expect(store, 3, topics: ["A"])
        expect(store, 4, topics: ["B"])
        try store.close()
    }

    @Test("a start after a kill looks at no files of queues that were made since the last checkpoint")
    func looksAtNoNewFiles() throws {
        var world = MemoryStoreWorld()
        world.configuration.keptQueueUnitsMax = 0
        var (store, _) = try world.open()
        fill(store, topics: ["B"])
        #expect(store.housekeepingStep())
        fill(store, topics: ["A"], rounds: 3)
        world.files = world.files.afterKill()
        #expect(world.files.exists("/store/consumequeue/A/7/00000000000000000000"))
        world.configuration.keptQueueUnitsMax = 1 << 18
        hideQueues(world.files)
        (store, _) = try world.open()
        world.files.heal()
        expect(store, 3, topics: ["A"])
        expect(store, 1, topics: ["B"])
        try store.close()
        (store, _) = try world.open()
        expect(store, 3, topics: ["A"])
        try store.close()
    }

    @Test("queues that had no turn yet are read from the log after a kill, from the first unit that is in no file")
    func readsUnwrittenQueuesFromTheLog() throws {
        var world = MemoryStoreWorld()
        world.configuration.queueWritesPerRound = 30
        var (store, _) = try world.open()
        fill(store, topics: ["A"])
        #expect(store.housekeepingStep())
        #expect(writtenQueues(world.files) == 30)
        world.files = world.files.afterKill()
        var report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.messagesScanned == 10)
        expect(store, 1, topics: ["A"])
        #expect(store.housekeepingStep())
        #expect(writtenQueues(world.files) == 40)
        fill(store, topics: ["A"])
        world.files = world.files.afterKill()
        (store, report) = try world.open()
        #expect(report.messagesScanned == 40)
        expect(store, 2, topics: ["A"])
        try store.close()
    }

    @Test("no unit stays in memory for longer than the log grows by its bound, however few queues have a turn")
    func writesWhatIsFarBehind() throws {
        var world = MemoryStoreWorld()
        world.configuration.queueWritesPerRound = 0
        world.configuration.keptQueueLogBytesMax = 1_000
        var (store, _) = try world.open()
        fill(store, topics: ["A"])
        let end = store.maxLogOffset
        #expect(store.housekeepingStep())
        let left = Int(Self.queueCount) - writtenQueues(world.files)
        world.files = world.files.afterKill()
        let report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.messagesScanned == left && left > 0)
        #expect(report.scannedFrom >= end - 1_000 && report.scannedFrom < end)
        expect(store, 1, topics: ["A"])
        try store.close()
    }

    private func writtenQueues(_ files: InMemoryFileSystem) -> Int {
        (0..<Self.queueCount).count { files.exists("/store/consumequeue/A/\($0)/00000000000000000000") }
    }

    @Test("after a loss of power all queues are searched, as files may hold more than the log")
    func searchesAfterPowerLoss() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        try store.close()
        (store, _) = try world.open()
        fill(store)
        world.files = world.files.afterPowerLoss()
        hideQueues(world.files)
        #expect(throws: StoreError.self) { _ = try world.open() }
        world.files.heal()
        (store, _) = try world.open()
        for queueId in 0..<Self.queueCount { #expect(store.maxOffset(topic: "A", queueId: queueId) >= 1) }
        try store.close()
    }

    @Test("a clean stop is believed by another run of the machine, and a kill in that run too")
    func survivesARestartOfTheMachine() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        try store.close()
        world.files = world.files.afterPowerLoss()
        hideQueues(world.files)
        (store, _) = try world.open()
        world.files = world.files.afterKill()
        hideQueues(world.files)
        (store, _) = try world.open()
        world.files.heal()
        expect(store, 1)
        try store.close()
    }

    @Test("bounds that another run of the machine cannot take over are not believed after a kill in that run")
    func survivesAFailedTakeover() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        try store.close()
        world.files = world.files.afterPowerLoss()
        world.files.inject(DiskFault(.write, path: "/queuebounds", effect: .inputOutput))
        (store, _) = try world.open()
        world.files = world.files.afterKill()
        (store, _) = try world.open()
        expect(store, 1)
        try store.close()
    }

    @Test("a queue whose directory is missing is built again, and no other is", arguments: [true, false])
    func rebuildsAMissingQueue(isClean: Bool) throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store, rounds: 3)
        if isClean {
            try store.close()
        } else {
            #expect(store.housekeepingStep())
            world.files = world.files.afterKill()
        }
        try world.files.removeTree("/store/consumequeue/A/3")
        try world.files.removeTree("/store/consumequeue/B")
        hideQueues(world.files)
        let seen = NIOLockedValueBox<[Int]>([])
        store = MessageStore(configuration: world.configuration, fileSystem: world.files, clock: world.clock)
        store.setEventObserver { event in
            if case .rebuildingQueues(let count, let first) = event {
                #expect(first == "A/3")
                seen.withLockedValue { $0.append(count) }
            }
        }
        let report = try store.open(driving: .steps)
        world.files.heal()
        #expect(report.rebuiltQueues == 1 + Int(Self.queueCount))
        #expect(seen.withLockedValue { $0 } == [1 + Int(Self.queueCount)])
        expect(store, 3)
        fill(store)
        try store.close()
        (store, _) = try world.open()
        expect(store, 4)
        try store.close()
    }

    @Test("a file that is missing is noticed when it is used, and built again at the next start")
    func rebuildsALostFile() throws {
        let world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store, rounds: 3)
        try store.close()
        try world.files.remove("/store/consumequeue/A/3/00000000000000000000")
        store = MessageStore(configuration: world.configuration, fileSystem: world.files, clock: world.clock)
        let lost = NIOLockedValueBox<[String]>([])
        store.setEventObserver { event in
            if case .queueFileMissing(let path) = event { lost.withLockedValue { $0.append(path) } }
        }
        _ = try store.open(driving: .steps)
        for _ in 0..<2 {
            var buffer = ByteBuffer()
            let found = store.read(topic: "A", queueId: 3, from: 0, maxCount: 9, maxBytes: 1 << 20, into: &buffer)
            #expect(found.records.isEmpty)
        }
        #expect(lost.withLockedValue { $0 } == ["/store/consumequeue/A/3/00000000000000000000"])
        try store.close()
        var report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.rebuiltQueues == 1)
        expect(store, 3)
        try store.close()
        // A message for it is not taken to be the first of the file: the store is fenced, and the next start builds.
        try world.files.remove("/store/consumequeue/A/3/00000000000000000000")
        (store, report) = try world.open()
        store.append(StoreFixture.message("m", topic: "A", queueId: 3)) { _ in }
        while store.dispatchStep() {}
        #expect(!store.housekeepingStep())
        #expect(store.writeRefusal?.code == .fenced)
        #expect(throws: StoreError.self) { try store.close() }
        (store, report) = try world.open()
        #expect(report.rebuiltQueues == 1)
        #expect(store.maxOffset(topic: "A", queueId: 3) == 4)
        try store.close()
    }

    @Test("a program that wrote the lock file makes a start search all queues")
    func searchesAfterAnotherProgram() throws {
        let world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        try store.close()
        // As Apache's broker: it opens the store, and deletes a topic.
        let now = MemoryStoreWorld().clock.nowMillis
        #expect(world.files.stamp(of: "/store/lock")?.modifiedNanos == now * 1_000_000)
        try world.files.remove("/store/lock")
        try world.files.openFile("/store/lock", mode: .create(size: 0, reserve: false)).replace(with: "lock")
        try world.files.removeTree("/store/consumequeue/B")
        let report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.rebuiltQueues == 0)
        expect(store, 1, topics: ["A"])
        #expect(store.maxOffset(topic: "B", queueId: 0) == 0)
        try store.close()
    }

    @Test("a damaged file is believed up to the damage", arguments: [0, 20, 600, 3_000, 5_000])
    func ignoresDamage(at position: Int) throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        #expect(store.housekeepingStep())
        fill(store)
        #expect(store.housekeepingStep())
        fill(store)
        world.files = world.files.afterKill()
        let file = try world.files.openFile("/store/queuebounds", mode: .existing)
        #expect(try file.size() > 5_000)
        try withUnsafeBytes(of: UInt8(0xEE)) { try file.write($0, at: position) }
        (store, _) = try world.open()
        expect(store, 3)
        try store.close()
        (store, _) = try world.open()
        expect(store, 3)
        try store.close()
    }

    @Test("deleted and made again, a topic has the queues of its new life only")
    func knowsDeletedTopics() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store, rounds: 2)
        #expect(store.housekeepingStep())
        try store.deleteTopic("A")
        store.append(StoreFixture.message("new", topic: "A", queueId: 5)) { _ in }
        while store.dispatchStep() {}
        world.files = world.files.afterKill()
        (store, _) = try world.open()
        #expect(store.queueIds(topic: "A") == [5])
        #expect(store.maxOffset(topic: "A", queueId: 5) == 1)
        expect(store, 2, topics: ["B"])
        try store.close()
        let report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.rebuiltQueues == 0 && store.queueIds(topic: "A") == [5])
        try store.close()
    }

    @Test(
        "queues that a failed deletion left go at the next start, though their newest messages are not known",
        arguments: [true, false])
    func finishesDeletions(isClean: Bool) throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        fill(store)
        try store.close()
        // The queues are searched, and take nothing.
        try world.files.remove("/store/queuebounds")
        (store, _) = try world.open()
        #expect(store.housekeepingStep())
        world.files.inject(DiskFault(.rename, path: "consumequeue", effect: .inputOutput))
        #expect(throws: StoreError.self) { try store.deleteTopic("A") }
        if isClean { try store.close() } else { world.files = world.files.afterKill() }
        (store, _) = try world.open()
        #expect(store.queueIds(topic: "A") == [])
        expect(store, 1, topics: ["B"])
        try store.close()
    }

    @Test("and where the newest message was damaged in the log")
    func finishesDeletionsOfDamagedQueues() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        let receipts = NIOLockedValueBox<[AppendReceipt]>([])
        for topic in ["A", "A", "B"] {
            store.append(StoreFixture.message("m", topic: topic)) { outcome in
                if let receipt = outcome.receipt { receipts.withLockedValue { $0.append(receipt) } }
            }
        }
        while store.dispatchStep() {}
        #expect(store.housekeepingStep())
        let damaged = try #require(receipts.withLockedValue { $0.dropFirst().first })
        try world.files.openFile("/store/commitlog/00000000000000000000", mode: .existing)
            .zero(from: Int(damaged.logOffset) + 4, count: 40)
        world.files = world.files.afterKill()
        // Without them all of the log is read again.
        for name in ["checkpoint", "queuebounds"] { try world.files.remove("/store/" + name) }
        let report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.damages.count == 1)
        world.files.inject(DiskFault(.rename, path: "consumequeue", effect: .inputOutput))
        #expect(throws: StoreError.self) { try store.deleteTopic("A") }
        world.files = world.files.afterKill()
        (store, _) = try world.open()
        #expect(store.queueIds(topic: "A") == [])
        #expect(store.maxOffset(topic: "B", queueId: 0) == 1)
        try store.close()
    }

    @Test("too many units in memory are written out, the oldest first")
    func boundsMemory() throws {
        var world = MemoryStoreWorld()
        world.configuration.keptQueueUnitsMax = 100
        let (store, _) = try world.open()
        fill(store, topics: ["A"])
        #expect(!world.files.exists("/store/consumequeue/A"))
        fill(store, topics: ["A"], rounds: 2)
        #expect(world.files.exists("/store/consumequeue/A/0/00000000000000000000"))
        expect(store, 3, topics: ["A"])
        try store.close()
    }

    @Test func blocksReadAsWritten() {
        let origin = QueueImage.Origin(
            lock: FileStamp(modifiedNanos: 5, number: .max, device: 7), boot: "ü", queueFileBytes: 6_000)
        let bounds = QueueBounds(
            offsets: 3..<9, numbers: 0...1, oldestLogOffset: nil, newestLogOffset: 77, isLost: true)
        let block = QueueBoundsBlock(
            isWhole: false, origin: origin, logOffset: 1 << 40, topics: [("T", [(3, bounds)]), ("", [])])
        var bytes = block.encoded()
        let length = bytes.readableBytes
        for count in 0..<length {
            var part = bytes.getSlice(at: 0, length: count) ?? ByteBuffer()
            #expect(QueueBoundsBlock.read(&part) == nil && part.readableBytes == count)
        }
        let read = QueueBoundsBlock.read(&bytes)
        #expect(read?.origin == origin && read?.logOffset == 1 << 40 && read?.isWhole == false)
        #expect(read?.topics.map(\.name) == ["T", ""])
        #expect(read?.topics.first?.queues.first?.id == 3 && read?.topics.first?.queues.first?.bounds == bounds)
        #expect(bytes.readableBytes == 0)
    }
}
