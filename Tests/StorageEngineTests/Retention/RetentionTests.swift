import Foundation
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

/// The store under a disk that fills, driven step by step.
@Suite struct RetentionTests {
    private static let body = String(repeating: "x", count: 30_000)

    /// A store of 131,072-byte files, with messages of which four fill a file.
    private final class World {
        let fixture = StoreFixture()
        let files = FailingFileSystem()
        let events = NIOLockedValueBox<[StoreEvent]>([])
        let store: MessageStore

        init(
            opens: Bool = true, _ configure: (inout StoreConfiguration) -> Void = { _ in }
        ) throws {
            fixture.configuration.diskWarningPercent = 90
            fixture.configuration.diskCleanForciblyPercent = 85
            configure(&fixture.configuration)
            files.faults.withLockedValue { $0.usedPercent = 10 }
            store = fixture.makeStore(files: files)
            store.setEventObserver { [events] event in events.withLockedValue { $0.append(event) } }
            if opens { _ = try store.open(driving: .steps) }
        }

        func fill(files count: Int) {
            for _ in 0..<count * 4 {
                store.append(StoreFixture.message(RetentionTests.body)) { _ in }
            }
            while store.dispatchStep() {}
        }

        func setUsed(_ percent: Int) { files.faults.withLockedValue { $0.usedPercent = percent } }

        /// One round of housekeeping, at a time when cleaning is due.
        func keepHouse() {
            fixture.clock.advance(10_000)
            #expect(store.housekeepingStep())
        }

        /// Names of the log's files that are deleted, but take room as they are open.
        func unreleased() throws -> [String] {
            let links = "/proc/self/fd"
            let targets = try FileManager.default.contentsOfDirectory(atPath: links).compactMap { number in
                try? FileManager.default.destinationOfSymbolicLink(atPath: links + "/" + number)
            }
            let prefix = fixture.configuration.logDirectory + "/"
            return targets.filter { $0.hasPrefix(prefix) && $0.hasSuffix(" (deleted)") }
                .map { String($0.dropFirst(prefix.count).dropLast(" (deleted)".count)) }
        }

        var deleted: [RetentionReason] {
            events.withLockedValue { events in
                events.compactMap { if case .deleted(_, let reason) = $0 { reason } else { nil } }
            }
        }
    }

    @Test func theSizeLimitDeletesTheOldestAndTrimsQueues() throws {
        let world = try World { $0.retentionBytesMax = 3 * 131_072 }
        world.fill(files: 6)
        world.keepHouse()
        #expect(world.store.minLogOffset > 0)
        #expect(world.deleted.allSatisfy { $0 == .size })
        let min = world.store.minOffset(topic: "T", queueId: 0)
        #expect(min > 0)
        #expect(world.store.logOffset(topic: "T", queueId: 0, queueOffset: min) ?? 0 >= world.store.minLogOffset)
        try world.store.close()
    }

    @Test func aFullDiskRefusesThenHealsByItself() throws {
        let world = try World { $0.cleanForcibly = false }
        world.fill(files: 2)
        world.setUsed(95)
        world.keepHouse()
        let refused = NIOLockedValueBox<StoreError?>(nil)
        world.store.append(StoreFixture.message("x")) { outcome in refused.withLockedValue { $0 = outcome.error } }
        #expect(refused.withLockedValue { $0?.code } == .diskFull)
        #expect(refused.withLockedValue { $0?.message.contains("95 %") } == true)
        #expect(world.store.health.status == .diskFull)
        // Between the two ratios writes stay refused.
        world.setUsed(87)
        world.keepHouse()
        #expect(world.store.health.status == .diskFull)
        world.setUsed(80)
        world.keepHouse()
        #expect(world.store.health.status == .ok)
        #expect(world.deleted.isEmpty)
        let outcome = NIOLockedValueBox<AppendOutcome?>(nil)
        world.store.append(StoreFixture.message("x")) { answer in outcome.withLockedValue { $0 = answer } }
        #expect(outcome.withLockedValue { $0?.receipt } != nil)
        try world.store.close()
    }

    @Test func aNearlyFullDiskSlowsSendsToTheDisksPace() throws {
        let world = try World { $0.cleanForcibly = false }
        world.fill(files: 1)
        world.setUsed(87)
        world.keepHouse()
        #expect(world.store.health.status == .slow)
        let outcome = NIOLockedValueBox<AppendOutcome?>(nil)
        world.store.append(StoreFixture.message("x")) { answer in outcome.withLockedValue { $0 = answer } }
        #expect(outcome.withLockedValue { $0?.receipt } == nil)
        world.store.flushStep()
        #expect(outcome.withLockedValue { $0?.receipt } != nil)
        try world.store.close()
    }

    @Test func forcedCleaningStopsAtTheNewestFile() throws {
        let world = try World()
        world.fill(files: 3)
        world.setUsed(87)
        world.keepHouse()
        #expect(!world.deleted.isEmpty)
        #expect(world.deleted.allSatisfy { $0 == .disk })
        #expect(world.store.maxLogOffset - world.store.minLogOffset <= 131_072)
        try world.store.close()
    }

    @Test(arguments: [RetentionReason.expired, .size, .disk])
    func aFileThatTheOwnerNeedsStays(reason: RetentionReason) throws {
        let world = try World(opens: false) { configuration in
            if reason == .size { configuration.retentionBytesMax = 131_072 }
        }
        let neededOffset = NIOLockedValueBox<Int64>(131_072)
        world.store.setDeletionCheck { end in neededOffset.withLockedValue { $0 >= end } }
        _ = try world.store.open(driving: .steps)
        world.fill(files: 3)
        let end = world.store.maxLogOffset
        if reason == .expired { world.fixture.clock.advance(1_000_000 * 3_600_000) }
        let clean = { () throws -> Void in
            guard reason == .expired else { return world.keepHouse() }
            let isOpen = try world.store.deleteExpired()
            #expect(isOpen)
        }
        if reason == .disk { world.setUsed(87) }
        for _ in 0..<2 {
            try clean()
            #expect(world.store.minLogOffset == 131_072)
        }
        #expect(world.deleted == [reason])
        let told = world.events.withLockedValue { events in
            events.filter { if case .keptNeeded = $0 { true } else { false } }.count
        }
        #expect(told == 1)
        neededOffset.withLockedValue { $0 = end }
        try clean()
        #expect(world.store.minLogOffset > 131_072)
        try world.store.close()
    }

    @Test func aReaderKeepsTheFileThatIsDeletedUnderIt() throws {
        let world = try World { $0.retentionBytesMax = 131_072 }
        world.fill(files: 1)
        var held = world.store.log.segments.all.first
        #expect(held != nil)
        world.fill(files: 2)
        for _ in 0..<3 { world.keepHouse() }
        #expect(!FileManager.default.fileExists(atPath: held?.path ?? ""))
        var buffer = ByteBuffer()
        #expect(try held?.copyRecord(at: 0, expectedSize: nil, into: &buffer) == true)
        held = nil
        world.keepHouse()
        #expect(try world.unreleased() == [])
        try world.store.close()
    }

    @Test func theRoomOfADeletedFileIsGivenBackInTheRoundsAfter() throws {
        let world = try World { $0.retentionBytesMax = 131_072 }
        world.fill(files: 2)
        world.keepHouse()
        #expect(world.deleted == [.size])
        #expect(try world.unreleased() == ["00000000000000000000"])
        world.keepHouse()
        #expect(try world.unreleased() == [])
        try world.store.close()
    }

    @Test func aDiskThatIsNearlyFullGetsTheRoomOfADeletedFileAtOnce() throws {
        let world = try World()
        world.fill(files: 2)
        world.setUsed(87)
        world.keepHouse()
        #expect(world.deleted == [.disk])
        #expect(try world.unreleased() == [])
        try world.store.close()
    }
}
