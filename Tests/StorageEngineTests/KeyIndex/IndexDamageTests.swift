import NIOCore
import Testing

@testable import StorageEngine

/// Bytes of index files that nobody wrote: they may hide messages, but neither stop the broker nor show wrong ones.
@Suite("Damaged index files")
struct IndexDamageTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private func damage(_ path: String, _ random: inout Generator, isHeader: Bool) throws {
        let file = try LinuxFileSystem().openFile(path, mode: .existing)
        for _ in 0..<Int.random(in: 1...200, using: &random) {
            let size = try file.size()
            let at = isHeader ? Int.random(in: 0..<40, using: &random) : Int.random(in: 40..<size, using: &random)
            var byte: UInt8 =
                [0, 0xFF, 0x7F, 0x80, .random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
            var failure: FileSystemError?
            withUnsafeBytes(of: &byte) { bytes in
                do throws(FileSystemError) { try file.write(bytes, at: at) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    @Test("any bytes after a clean stop or a crash", arguments: 1...40)
    func anyBytes(seed: Int) throws {
        var random = Generator(state: UInt64(seed))
        let fixture = StoreFixture()
        fixture.configuration.indexSlotCount = 10
        fixture.configuration.indexEntryCount = 40
        var store: MessageStore? = fixture.makeStore()
        _ = try store?.open(driving: .steps)
        for number in 0..<60 {
            store?.append(StoreFixture.message("b\(number)", properties: "KEYS\u{1}k\(number % 5)\u{2}")) { _ in }
            fixture.clock.advance(900)
        }
        while store?.dispatchStep() == true {}
        _ = store?.housekeepingStep()
        let paths = store?.index?.state.withLockedValue { $0.files.map(\.path) } ?? []
        #expect(paths.count == 2)
        if seed.isMultiple(of: 2) { try store?.close() }
        store = nil
        for path in paths where Bool.random(using: &random) {
            try damage(path, &random, isHeader: Bool.random(using: &random))
        }
        let again = fixture.makeStore()
        _ = try again.open(driving: .steps)
        again.append(StoreFixture.message("new", properties: "KEYS\u{1}k1\u{2}")) { _ in }
        while again.dispatchStep() {}
        for (key, begin, end) in [
            ("k1", Int64(0), Int64.max), ("k2", .max, .max), ("k3", .min, .min), ("k4", .min, .max),
        ] {
            var buffer = ByteBuffer()
            let query = KeyQuery(topic: "T", key: key, maxCount: 64, beginMillis: begin, endMillis: end)
            let found = try again.messages(query, into: &buffer)
            for _ in found.logOffsets {
                let size = Int(buffer.getInteger(at: buffer.readerIndex, as: Int32.self) ?? 0)
                let parts = GoldenRecordTests.Parts(buffer.readBytes(length: size) ?? [])
                #expect(parts.map { String(buffer: $0.message.properties) } == "KEYS\u{1}\(key)\u{2}")
            }
        }
        #expect(again.writeRefusal == nil)
        try again.close()
    }
}
