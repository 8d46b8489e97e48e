import Foundation
import NIOCore
import Testing

@testable import StorageEngine

@Suite struct DurabilityTests {
    @Test func aFailedFsyncIsAnErrorAndFences() throws {
        let fixture = StoreFixture()
        fixture.configuration.flushMode = .synchronous
        let files = FailingFileSystem()
        let store = fixture.makeStore(files: files)
        _ = try store.open()
        #expect(StoreFixture.append([StoreFixture.message("good")], to: store).receipt != nil)
        fixture.awaitDispatch(1)
        files.faults.withLockedValue { $0.synchronizeFails = true }
        #expect(StoreFixture.append([StoreFixture.message("bad")], to: store).error?.code == .fenced)
        files.faults.withLockedValue { $0.synchronizeFails = false }
        #expect(StoreFixture.append([StoreFixture.message("after")], to: store).error?.code == .fenced)
        #expect(store.writeRefusal?.code == .fenced)
        // Not durable, so nobody may read it.
        #expect(store.maxOffset(topic: "T", queueId: 0) == 1)
        #expect(throws: StoreError.self) { try store.close() }
    }

    @Test func aFullDiskRefusesAndHealsByItself() throws {
        let fixture = StoreFixture()
        let files = FailingFileSystem()
        let store = fixture.makeStore(files: files)
        // Without threads: one that tries to make the file just before the disk has room would have it wait once more.
        _ = try store.open(driving: .steps)
        let body = String(repeating: "x", count: 60_000)
        #expect(StoreFixture.append([StoreFixture.message(body)], to: store).receipt != nil)
        #expect(StoreFixture.append([StoreFixture.message(body)], to: store).receipt != nil)
        files.faults.withLockedValue { $0.createFails = true }
        #expect(StoreFixture.append([StoreFixture.message(body)], to: store).error?.code == .diskFull)
        #expect(StoreFixture.append([StoreFixture.message("fits")], to: store).receipt != nil)
        files.faults.withLockedValue { $0.createFails = false }
        // Not each append tries to make the file again.
        fixture.clock.advance(1_000)
        #expect(StoreFixture.append([StoreFixture.message(body)], to: store).receipt?.queueOffset == 3)
        try store.close()
    }

    @Test func aDiskAboveTheWarningLevelTakesNothingFromTheStart() throws {
        let fixture = StoreFixture()
        fixture.configuration.diskWarningPercent = 90
        let files = FailingFileSystem()
        files.faults.withLockedValue { $0.usedPercent = 95 }
        let store = fixture.makeStore(files: files)
        _ = try store.open()
        #expect(StoreFixture.append([StoreFixture.message("x")], to: store).error?.code == .diskFull)
        try store.close()
    }
}
