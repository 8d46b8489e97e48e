import InMemoryFileSystem
import Testing

@testable import StorageEngine

/// The disk that simulations run on loses what a real one may lose, and nothing else.
@Suite struct InMemoryFileSystemTests {
    private static let path = "/d/file"

    private func disk(seed: UInt64 = 1, capacityBytes: Int64 = 1 << 30) throws -> InMemoryFileSystem {
        let files = InMemoryFileSystem(capacityBytes: capacityBytes, seed: seed)
        try files.makeDirectories("/d")
        try files.synchronizeDirectory("/")
        return files
    }

    private func write(_ byte: UInt8, count: Int, at offset: Int, to file: any StoreFile) throws {
        try [UInt8](repeating: byte, count: count).withUnsafeBytes { try file.write($0, at: offset) }
    }

    private func read(_ files: InMemoryFileSystem, _ path: String = Self.path) throws -> [UInt8] {
        let file = try files.openFile(path, mode: .existing)
        var bytes = [UInt8](repeating: 0, count: try file.size())
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return bytes
    }

    @Test(arguments: UInt64(0)..<20)
    func whatWasFlushedSurvives(seed: UInt64) throws {
        let files = try disk(seed: seed)
        let file = try files.openFile(Self.path, mode: .create(size: 20_000, reserve: true))
        try write(7, count: 20_000, at: 0, to: file)
        try file.synchronize()
        try files.synchronizeDirectory("/d")
        #expect(try read(files.afterPowerLoss()) == Array(repeating: 7, count: 20_000))
    }

    @Test func whatWasNotFlushedIsTornAtSectors() throws {
        var kinds: Set<String> = []
        for seed: UInt64 in 0..<60 {
            let files = try disk(seed: seed)
            let file = try files.openFile(Self.path, mode: .create(size: 4096, reserve: true))
            try file.synchronize()
            try files.synchronizeDirectory("/d")
            try write(7, count: 4096, at: 0, to: file)
            let bytes = try read(files.afterPowerLoss())
            let sectors = stride(from: 0, to: 4096, by: 512).map { Set(bytes[$0..<$0 + 512]) }
            #expect(sectors.allSatisfy { $0.count == 1 })
            let written = sectors.count { $0.contains(7) }
            kinds.insert(written == 0 ? "lost" : written == 8 ? "kept" : "torn")
        }
        #expect(kinds == ["lost", "kept", "torn"])
    }

    @Test func aNameIsLostUnlessItsDirectoryWasFlushed() throws {
        var found: Set<Bool> = []
        for seed: UInt64 in 0..<20 {
            let files = try disk(seed: seed)
            let file = try files.openFile(Self.path, mode: .create(size: 10, reserve: false))
            try file.synchronize()
            found.insert(files.afterPowerLoss().exists(Self.path))
            #expect(files.afterKill().exists(Self.path))
        }
        #expect(found == [true, false])
    }

    @Test func aReservedLengthMayBeReachedInPart() throws {
        var sizes: Set<Int> = []
        for seed: UInt64 in 0..<40 {
            let files = try disk(seed: seed)
            _ = try files.openFile(Self.path, mode: .create(size: 12_288, reserve: true))
            try files.synchronizeDirectory("/d")
            sizes.insert(try read(files.afterPowerLoss()).count)
        }
        #expect(sizes.isSuperset(of: [0, 12_288]))
        #expect(sizes.contains { $0 > 0 && $0 < 12_288 })
    }

    @Test func aKillLosesNothingAndLaterPowerLossMay() throws {
        let files = try disk()
        let file = try files.openFile(Self.path, mode: .create(size: 4096, reserve: true))
        try file.synchronize()
        try files.synchronizeDirectory("/d")
        try write(7, count: 4096, at: 0, to: file)
        let next = files.afterKill()
        #expect(try read(next) == Array(repeating: 7, count: 4096))
        #expect(next.storedBytes(of: Self.path, from: 0, count: 1) == [0])
        // The old process writes no more to what the new one sees.
        try write(9, count: 4096, at: 0, to: file)
        #expect(try read(next).first == 7)
        next.writeBack()
        next.writeBack()
    }

    @Test func aFailedFlushForgetsThePages() throws {
        for (effect, kept) in [(DiskFault.Effect.inputOutput, UInt8(0)), (.partly(0), 7)] {
            let files = try disk()
            let file = try files.openFile(Self.path, mode: .create(size: 4096, reserve: true))
            try file.synchronize()
            try files.synchronizeDirectory("/d")
            try write(7, count: 4096, at: 0, to: file)
            files.inject(DiskFault(.synchronize, effect: effect))
            #expect(throws: FileSystemError.self) { try file.synchronize() }
            try file.synchronize()
            #expect(try read(files).first == 7)
            #expect(try read(files.afterPowerLoss()).first == kept)
        }
    }

    @Test func aShortWriteLeavesItsBeginning() throws {
        let files = try disk()
        let region = try files.openFile(Self.path, mode: .create(size: 4096, reserve: true)).map()
        files.inject(DiskFault(.write, passing: 1, effect: .partly(128)))
        let bytes = [UInt8](repeating: 7, count: 1000)
        try bytes.withUnsafeBytes { try region.copyIn($0, at: 0) }
        #expect(throws: FileSystemError.self) { try bytes.withUnsafeBytes { try region.copyIn($0, at: 1000) } }
        let content = try read(files)
        #expect(content[1499] == 7 && content[1500] == 0)
        #expect(files.injectedCount == 1)
    }

    @Test func aFullDiskTakesNothingMore() throws {
        let files = try disk(capacityBytes: 16_384)
        let sparse = try files.openFile(Self.path, mode: .create(size: 32_768, reserve: false)).map()
        _ = try files.openFile("/d/other", mode: .create(size: 12_288, reserve: true))
        #expect(try files.space(at: "/d").usedPercent == 75)
        #expect(throws: FileSystemError.self) {
            _ = try files.openFile("/d/third", mode: .create(size: 8_192, reserve: true))
        }
        let bytes = [UInt8](repeating: 7, count: 10)
        try bytes.withUnsafeBytes { try sparse.copyIn($0, at: 0) }
        #expect(throws: FileSystemError.self) { try bytes.withUnsafeBytes { try sparse.copyIn($0, at: 5_000) } }
        try files.remove("/d/other")
        try bytes.withUnsafeBytes { try sparse.copyIn($0, at: 5_000) }
        files.occupy(bytes: 16_384)
        #expect(try files.space(at: "/d").usedPercent == 100)
    }

    @Test func powerLossInTheMiddleStopsEverything() throws {
        let files = try disk()
        let file = try files.openFile(Self.path, mode: .create(size: 4096, reserve: true))
        try file.synchronize()
        try files.synchronizeDirectory("/d")
        try write(7, count: 10, at: 0, to: file)
        files.inject(DiskFault(.write, effect: .powerLoss))
        #expect(throws: FileSystemError.self) { try write(8, count: 10, at: 0, to: file) }
        #expect(files.hasLostPower)
        #expect(throws: FileSystemError.self) { try file.synchronize() }
        let next = files.afterPowerLoss()
        #expect([0, 7].contains(try read(next).first))
        #expect(!next.hasLostPower)
    }

    @Test func aLockIsExclusiveUntilItIsDropped() throws {
        let files = try disk()
        var held: (any FileLock)? = try files.lock("/d/lock")
        #expect(throws: FileSystemError.self) { _ = try files.lock("/d/lock") }
        #expect(try files.afterKill().lock("/d/lock") !== held)
        held = nil
        _ = try files.lock("/d/lock")
    }

    @Test func theSameSeedLeavesTheSame() throws {
        let contents = try (0..<2).map { _ in
            let files = try disk(seed: 5)
            let file = try files.openFile(Self.path, mode: .create(size: 40_960, reserve: true))
            try files.synchronizeDirectory("/d")
            try write(7, count: 40_000, at: 0, to: file)
            return files.afterPowerLoss().contents().map(\.bytes)
        }
        #expect(contents[0] == contents[1])
    }

    @Test func aStoreLivesOnIt() throws {
        let files = InMemoryFileSystem()
        var configuration = StoreConfiguration(rootPath: "/store")
        configuration.commitLogFileBytes = 32_768
        configuration.consumeQueueFileBytes = 1_200
        let clock = ManualClock()
        for round in 0..<3 {
            let store = MessageStore(configuration: configuration, fileSystem: files, clock: clock)
            let report = try store.open(driving: .steps)
            #expect(report.wasClean)
            for _ in 0..<50 { store.append(StoreFixture.message(String(repeating: "x", count: 500))) { _ in } }
            #expect(store.dispatchStep())
            #expect(store.maxOffset(topic: "T", queueId: 0) == Int64(round + 1) * 50)
            try store.close()
        }
    }
}
