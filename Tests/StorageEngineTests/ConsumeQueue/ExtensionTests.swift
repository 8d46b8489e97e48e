import Foundation
import NIOCore
import Testing

@testable import StorageEngine

@Suite("Apache's consume queue extension")
struct ExtensionTests {
    @Test("a unit that holds an address instead of a tags code is filtered by its message's tag, and kept")
    func extensionAddress() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        for tag in ["A", "B"] {
            store.append(StoreFixture.message("body of \(tag)", properties: "TAGS\u{1}\(tag)\u{2}")) { _ in }
        }
        while store.dispatchStep() {}
        try store.close()
        // By hand, as `store.md` §5.2 has it: address 0 and 46 plus the least number of all.
        let queue = fixture.root + "/consumequeue/T/0/00000000000000000000"
        let file = try LinuxFileSystem().openFile(queue, mode: .existing)
        let addresses: [[UInt8]] = [[0x80, 0, 0, 0, 0, 0, 0, 0], [0x80, 0, 0, 0, 0, 0, 0, 0x2E]]
        for (index, address) in addresses.enumerated() {
            try address.withUnsafeBytes { try file.write($0, at: index * 20 + 12) }
        }
        let directory = fixture.root + "/consumequeue_ext/T/0"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let kept = Data([0, 20] + [UInt8](repeating: 7, count: 18))
        try kept.write(to: URL(fileURLWithPath: directory + "/00000000000000000000"))

        let again = fixture.makeStore()
        _ = try again.open(driving: .steps)
        var buffer = ByteBuffer()
        let found = again.read(topic: "T", queueId: 0, from: 0, maxCount: 9, maxBytes: 1 << 20, into: &buffer) {
            $0 == 66
        }
        #expect(found.records.map(\.queueOffset) == [1] && found.records.map(\.tagsCode) == [66])
        #expect(String(buffer: buffer).contains("body of B") && !String(buffer: buffer).contains("body of A"))
        again.append(StoreFixture.message("c", properties: "TAGS\u{1}B\u{2}")) { _ in }
        while again.dispatchStep() {}
        try again.close()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: queue))
        #expect(Array(bytes[12..<20]) == addresses[0] && Array(bytes[32..<40]) == addresses[1])
        #expect(FileManager.default.contents(atPath: directory + "/00000000000000000000") == kept)
    }
}
