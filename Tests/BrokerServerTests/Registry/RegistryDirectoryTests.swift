import InMemoryFileSystem
import Testing

@testable import BrokerServer

@Suite("Files of the config directory")
struct RegistryDirectoryTests {
    /// A disk whose config directory lasts.
    private static func disk(seed: UInt64) throws -> InMemoryFileSystem {
        let files = InMemoryFileSystem(seed: seed)
        try files.makeDirectories("/store/config")
        for path in ["/store/config", "/store", "/"] { try files.synchronizeDirectory(path) }
        return files
    }

    @Test("what a start has read of a process before it no loss of power takes back", arguments: UInt64(0)..<8)
    func adoptsWhatWasNotFlushed(seed: UInt64) throws {
        var files = try Self.disk(seed: seed)
        let directory = try RegistryDirectory(path: "/store/config", files: files)
        try directory.replace("a.json", with: [1])
        files.inject(DiskFault(.synchronizeDirectory, effect: .inputOutput))
        #expect(throws: BrokerError.self) { try directory.replace("a.json", with: [2]) }
        files = files.afterKill()
        for _ in 0..<2 {
            #expect(try RegistryDirectory(path: "/store/config", files: files).read("a.json") == [2])
            files = files.afterPowerLoss()
        }
    }
}
