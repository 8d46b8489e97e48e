import Foundation
import NIOCore
import Testing

@testable import StorageEngine

/// Stores that were not closed: the process is gone, what it wrote is in the page cache.
@Suite struct CrashTests {
    /// A directory as `kill -9` leaves it after some messages: a copy taken while the store runs.
    static func killed(
        _ count: Int, mode: FlushMode = .asynchronous, savesQueues: Bool = false
    ) throws -> (fixture: StoreFixture, end: Int64) {
        let running = StoreFixture()
        running.configuration.flushMode = mode
        let store = running.makeStore()
        _ = try store.open()
        var end: Int64 = 0
        for number in 0..<count {
            let receipt = try #require(
                StoreFixture.append([StoreFixture.message("body \(number)")], to: store).receipt)
            end = receipt.logOffset + Int64(receipt.size)
        }
        running.awaitDispatch(count)
        if savesQueues { #expect(store.housekeepingStep()) }
        let copy = StoreFixture()
        try FileManager.default.copyItem(atPath: running.root, toPath: copy.root)
        try store.close()
        return (copy, end)
    }

    static func patch(_ fixture: StoreFixture, at offset: Int64, _ bytes: [UInt8]) throws {
        let file = try #require(FileHandle(forWritingAtPath: fixture.root + "/commitlog/00000000000000000000"))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: bytes)
        try file.close()
    }

    /// The guess of what is to be read is good to a piece, whatever lies reserved behind it; at the end it is exact.
    @Test func progressIsToldInBytes() throws {
        let (fixture, end) = try Self.killed(700)
        let segments = LogSegments(
            files: LinuxFileSystem(), directory: fixture.configuration.logDirectory,
            fileBytes: fixture.configuration.commitLogFileBytes)
        try segments.load()
        #expect(segments.writtenEnd >= end && segments.writtenEnd <= end + 1 << 16)
        let store = fixture.makeStore()
        #expect(store.recoveryBytes.total == 0)
        let report = try store.open()
        #expect(report.bytesScanned > 65_536)
        #expect(store.recoveryBytes.done == report.bytesScanned && store.recoveryBytes.total == report.bytesScanned)
        try store.close()
    }

    @Test func everythingAcknowledgedIsThere() throws {
        let (fixture, end) = try Self.killed(20)
        let store = fixture.makeStore()
        let report = try store.open()
        #expect(!report.wasClean)
        #expect(report.logEnd == end)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 20)
        try store.close()
    }

    @Test func aTornTailIsCutAndWrittenOver() throws {
        let (fixture, end) = try Self.killed(20)
        // Half of a 21st record: its length says 200 bytes, the rest never came.
        try Self.patch(fixture, at: end, [0, 0, 0, 200, 0xDA, 0xA3, 0x20, 0xA7, 1, 2, 3, 4])
        let store = fixture.makeStore()
        let report = try store.open()
        #expect(report.logEnd == end)
        #expect(report.tailWasCut)
        #expect(report.damages.isEmpty)
        let receipt = StoreFixture.append([StoreFixture.message("next")], to: store).receipt
        #expect(receipt?.logOffset == end)
        #expect(receipt?.queueOffset == 20)
        try store.close()
    }

    @Test func damageInTheMiddleIsReportedAndTheRestServed() throws {
        let (fixture, end) = try Self.killed(20)
        let size = end / 20
        // Recovery looks from the last checkpoint on; without one it looks at everything.
        try FileManager.default.removeItem(atPath: fixture.root + "/checkpoint")
        try Self.patch(fixture, at: 5 * size + 90, [0xFF, 0xFF])
        let store = fixture.makeStore()
        let report = try store.open()
        #expect(report.logEnd == end)
        #expect(report.damages.count == 1)
        #expect(report.damages.first?.file.hasSuffix("/commitlog/00000000000000000000") == true)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 20)
        var buffer = ByteBuffer()
        let rest = store.read(topic: "T", queueId: 0, from: 6, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        #expect(rest.records.count == 14)
        try store.close()
    }

    @Test func damageBeforeTheCheckpointIsNeverTakenForTheEnd() throws {
        let fixture = StoreFixture()
        var store = fixture.makeStore()
        _ = try store.open()
        for number in 0..<20 { _ = StoreFixture.append([StoreFixture.message("body \(number)")], to: store) }
        let end = store.maxLogOffset
        try store.close()
        // The magic of the second record: nothing tells how long it is.
        try Self.patch(fixture, at: end / 20 + 4, [0, 0, 0, 0])
        try FileManager.default.removeItem(atPath: fixture.root + "/consumequeue")
        store = fixture.makeStore()
        let report = try store.open()
        #expect(report.logEnd == end)
        #expect(report.damages.count == 1)
        var buffer = ByteBuffer()
        #expect(store.readRecord(logOffset: 0, into: &buffer))
        let next = try #require(StoreFixture.append([StoreFixture.message("next")], to: store).receipt)
        #expect(next.logOffset == end)
        try store.close()
    }

    @Test func missingQueueUnitsAreWrittenAgain() throws {
        let (fixture, _) = try Self.killed(20, savesQueues: true)
        try FileManager.default.removeItem(atPath: fixture.root + "/consumequeue")
        let store = fixture.makeStore()
        _ = try store.open()
        var buffer = ByteBuffer()
        let all = store.read(topic: "T", queueId: 0, from: 0, maxCount: 32, maxBytes: 1 << 20, into: &buffer)
        #expect(all.records.count == 20)
        try store.close()
    }

    @Test func aSecondStoreOnTheSameDirectoryIsRefused() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        let second = fixture.makeStore()
        #expect(throws: StoreError.self) { _ = try second.open() }
        try store.close()
        _ = try second.open()
        try second.close()
    }

    @Test func anotherGeometryIsRefusedWithAHint() throws {
        let (fixture, _) = try Self.killed(1)
        fixture.configuration.commitLogFileBytes = 262_144
        let error = #expect(throws: StoreError.self) { _ = try fixture.makeStore().open() }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("mappedFileSizeCommitLog=131072") == true)
    }
}
