import Foundation
import InMemoryFileSystem
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

/// What a start finds, cuts, reports and rebuilds.
@Suite struct DamageTests {
    private static let magicV1: [UInt8] = [0xDA, 0xA3, 0x20, 0xA7]

    @Test func aRecordWithABrokenLengthIsPassedOverAndTheRestServed() throws {
        let (fixture, end) = try CrashTests.killed(20)
        try FileManager.default.removeItem(atPath: fixture.root + "/checkpoint")
        let size = end / 20
        // Length and magic of the sixth record are gone, and nothing vouches for what follows.
        try CrashTests.patch(fixture, at: 5 * size, [UInt8](repeating: 0xFF, count: 24))
        let store = fixture.makeStore()
        let told = NIOLockedValueBox<[RecoveryReport.Damage]>([])
        store.setEventObserver { event in
            if case .damage(let damage) = event { told.withLockedValue { $0.append(damage) } }
        }
        let report = try store.open()
        #expect(report.logEnd == end)
        #expect(!report.tailWasCut)
        #expect(report.damages.count == 1)
        #expect(told.withLockedValue { $0 } == report.damages)
        #expect(store.health.damageCount == 1)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 20)
        try store.close()
        let check = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(check.damages == report.damages)
        #expect(!check.isGood)
    }

    @Test func aRecordThatIsNotWhatItsQueueSaysIsReportedAtTheRead() throws {
        let (fixture, end) = try CrashTests.killed(20)
        let store = fixture.makeStore()
        _ = try store.open()
        try CrashTests.patch(fixture, at: end / 20 * 3 + 4, [UInt8](repeating: 0, count: Int(end / 20)))
        var buffer = ByteBuffer()
        let result = store.read(topic: "T", queueId: 0, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        #expect(result.nextOffset == 20)
        #expect(result.records.count < 20)
        #expect(store.health.damageCount == 20 - result.records.count)
        _ = store.read(topic: "T", queueId: 0, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        #expect(store.health.damageCount == 20 - result.records.count)
        try store.close()
    }

    @Test func aBodyThatLooksLikeARecordElsewhereIsNone() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        var body = ByteBuffer(bytes: [0, 0, 0, 91])
        body.writeBytes(Self.magicV1)
        var message = StoreFixture.message("")
        body.writeBytes([UInt8](repeating: 0, count: 100))
        message.body = body
        let receipt = try #require(StoreFixture.append([message], to: store).receipt)
        #expect(try RecordSearch(segments: store.logSegments).next(after: receipt.logOffset) == nil)
        let next = try #require(StoreFixture.append([StoreFixture.message("next")], to: store).receipt)
        #expect(try RecordSearch(segments: store.logSegments).next(after: receipt.logOffset) == next.logOffset)
        try store.close()
    }

    @Test func deletedTopicsStayDeletedWhenQueuesAreBuiltFromTheLog() throws {
        let fixture = StoreFixture()
        var store = fixture.makeStore()
        _ = try store.open()
        for topic in ["gone", "kept", "again"] {
            for number in 0..<3 {
                _ = StoreFixture.append([StoreFixture.message("\(number)", topic: topic)], to: store)
            }
        }
        try store.deleteTopic("gone")
        try store.deleteTopic("again")
        let new = try #require(StoreFixture.append([StoreFixture.message("new", topic: "again")], to: store).receipt)
        #expect(new.queueOffset == 0)
        try store.close()
        try FileManager.default.removeItem(atPath: fixture.root + "/consumequeue")
        store = fixture.makeStore()
        _ = try store.open()
        #expect(store.maxOffset(topic: "gone", queueId: 0) == 0)
        #expect(store.maxOffset(topic: "kept", queueId: 0) == 3)
        #expect(store.maxOffset(topic: "again", queueId: 0) == 1)
        #expect(store.logOffset(topic: "again", queueId: 0, queueOffset: 0) == new.logOffset)
        try store.close()
        #expect(try StoreCheck.run(fixture.configuration, files: LinuxFileSystem()).isGood)
    }

    @Test func theCheckFindsAUnitThatPointsElsewhere() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        for number in 0..<5 { _ = StoreFixture.append([StoreFixture.message("\(number)")], to: store) }
        try store.close()
        var report = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(report.isGood)
        #expect((report.messages, report.queues, report.units) == (5, 1, 5))
        let file = try #require(
            FileHandle(forWritingAtPath: fixture.root + "/consumequeue/T/0/00000000000000000000"))
        try file.seek(toOffset: 2 * 20 + 7)
        try file.write(contentsOf: [1])
        try file.close()
        report = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(report.differenceCount == 2)
        #expect(report.differences.first?.hasPrefix("T queue 0 offset 2:") == true)
    }

    @Test(arguments: [Int64.min, -1, RecordHeader.queueOffsetMax + 1, .max])
    func theCheckFindsARecordWithoutAPossiblePlace(queueOffset: Int64) throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        for number in 0..<5 { _ = StoreFixture.append([StoreFixture.message("\(number)")], to: store) }
        let size = store.maxLogOffset / 5
        try store.close()
        try CrashTests.patch(
            fixture, at: 2 * size + Int64(RecordLayout.queueOffsetAt),
            withUnsafeBytes(of: queueOffset.bigEndian) { Array($0) })
        let report = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(report.messages == 5)
        #expect(report.differences.first?.hasSuffix("no message can be in queue 0 at \(queueOffset)") == true)
        #expect(report.differences.last?.hasPrefix("T queue 0: 5 units where the log has 4") == true)
    }

    @Test func aNewerFormatIsRefusedWithAHint() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        _ = StoreFixture.append([StoreFixture.message("one")], to: store)
        try store.close()
        let file = try #require(FileHandle(forWritingAtPath: fixture.root + "/checkpoint"))
        try file.seek(toOffset: 1024 + 7)
        try file.write(contentsOf: [2])
        try file.close()
        let error = #expect(throws: StoreError.self) { _ = try fixture.makeStore().open() }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("format 2") == true)
    }
}

/// A disk without room, on the in-memory file system.
@Suite struct FullDiskTests {
    @Test func queuesWithoutRoomWaitAndAppendsAreRefusedUntilThereIsSome() throws {
        let fixture = StoreFixture()
        let files = InMemoryFileSystem(capacityBytes: 1 << 20)
        fixture.configuration.keptQueueUnitsMax = 0
        let store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        store.append(StoreFixture.message("first")) { _ in }
        // Another program takes the rest of the disk.
        let free = Int(try files.space(at: "/").availableBytes)
        _ = try files.openFile("/hog", mode: .create(size: free, reserve: true))
        #expect(!store.dispatchStep())
        #expect(store.health.status == .diskFull)
        let refused = NIOLockedValueBox<StoreError?>(nil)
        store.append(StoreFixture.message("second")) { outcome in refused.withLockedValue { $0 = outcome.error } }
        #expect(refused.withLockedValue { $0?.code } == .diskFull)
        #expect(store.dispatchBehindBytes > 0)
        try files.remove("/hog")
        #expect(store.dispatchStep())
        #expect(store.health.status == .ok)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 1)
        #expect(store.dispatchBehindBytes == 0)
        try store.close()
    }

    @Test func aHangingDiskAnswersAfterTheTimeout() throws {
        let fixture = StoreFixture()
        fixture.configuration.flushMode = .synchronous
        let log = CommitLog(
            segments: LogSegments(files: LinuxFileSystem(), directory: fixture.root, fileBytes: 131_072), backlogMax: 1,
            isSynchronous: true, notices: StoreNotices())
        let flusher = Flusher(log: log, isSynchronous: true, intervalMillis: 1)
        let outcomes = NIOLockedValueBox<[AppendOutcome]>([])
        for since in [Int64(100), 200] {
            let receipt = AppendReceipt(
                logOffset: 0, queueOffset: since, size: 1, count: 1, storeTimestampMillis: 1, logOffsets: [])
            flusher.wait(
                Flusher.Waiter(end: 1, receipt: receipt, sinceMillis: since) { outcome in
                    outcomes.withLockedValue { $0.append(outcome) }
                })
        }
        flusher.expire(before: 200)
        #expect(outcomes.withLockedValue { $0.map { $0.error?.code } } == [.flushTimeout])
        flusher.step()
        #expect(outcomes.withLockedValue { $0.count } == 2)
        #expect(outcomes.withLockedValue { $0.last?.receipt?.queueOffset } == 200)
    }

    @Test func theNextFileIsReadyBeforeItIsNeeded() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        let next = fixture.root + "/commitlog/00000000000000131072"
        let body = String(repeating: "x", count: 30_000)
        store.append(StoreFixture.message(body)) { _ in }
        #expect(store.housekeepingStep())
        #expect(!FileManager.default.fileExists(atPath: next))
        for _ in 0..<2 { store.append(StoreFixture.message(body)) { _ in } }
        #expect(store.housekeepingStep())
        #expect(FileManager.default.fileExists(atPath: next))
        for _ in 0..<2 { store.append(StoreFixture.message(body)) { _ in } }
        #expect(store.maxLogOffset > 131_072)
        while store.dispatchStep() {}
        try store.close()
        #expect(try StoreCheck.run(fixture.configuration, files: LinuxFileSystem()).isGood)
    }
}
