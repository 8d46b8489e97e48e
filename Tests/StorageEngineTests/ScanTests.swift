import InMemoryFileSystem
import NIOCore
import Testing

@testable import StorageEngine

@Suite("Reading the log from an offset on")
struct ScanTests {
    /// The bodies from an offset on, each with its place.
    private func bodies(_ store: MessageStore, from start: Int64 = 0) throws -> [String] {
        var found: [String] = []
        var from = start
        var buffer = ByteBuffer()
        while let offset = try store.nextRecord(from: from, into: &buffer) {
            found.append("\(offset)+\(buffer.readableBytes)")
            from = offset + Int64(buffer.readableBytes)
            buffer.clear()
        }
        return found
    }

    private func append(_ count: Int, _ bytes: Int, to store: MessageStore) {
        for _ in 0..<count {
            store.append(StoreFixture.message(String(repeating: "x", count: bytes))) { _ in }
        }
    }

    @Test("finds the records of all files, and those behind damage")
    func damage() throws {
        var world = MemoryStoreWorld()
        var (store, _) = try world.open()
        append(9, 40_000, to: store)
        let all = try bodies(store)
        #expect(all.count == 9 && store.maxLogOffset > 2 * Int64(world.configuration.commitLogFileBytes))
        let size = try #require(Int64(all[1].split(separator: "+")[0]))
        #expect(try bodies(store, from: size) == Array(all[1...]))
        #expect(try bodies(store, from: size + 1) == Array(all[2...]))
        // The second record is gone, as when a loss of power took its pages.
        try world.files.openFile("/store/commitlog/00000000000000000000", mode: .existing)
            .zero(from: Int(size), count: Int(size))
        world.files = world.files.afterKill()
        for name in ["checkpoint", "queuebounds"] where world.files.exists("/store/" + name) {
            try world.files.remove("/store/" + name)
        }
        let report: RecoveryReport
        (store, report) = try world.open()
        #expect(report.damages.count == 1)
        #expect(try bodies(store) == [all[0]] + all[2...])
        append(1, 10, to: store)
        #expect(try bodies(store).count == 9)
    }

    @Test("tells when the disk gives nothing")
    func unreadable() throws {
        let world = MemoryStoreWorld()
        let (store, _) = try world.open()
        append(1, 10, to: store)
        world.files.inject(DiskFault(.read, path: "commitlog", effect: .inputOutput))
        var buffer = ByteBuffer()
        #expect(throws: StoreError.self) { try store.loadRecord(logOffset: 0, into: &buffer) }
        #expect(try store.loadRecord(logOffset: 0, into: &buffer))
        #expect(try !store.loadRecord(logOffset: store.maxLogOffset, into: &buffer))
    }
}
