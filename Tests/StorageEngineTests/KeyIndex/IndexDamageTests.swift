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
            let byte: UInt8 =
                [0, 0xFF, 0x7F, 0x80, .random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
            try file.write(ByteBuffer(bytes: [byte]), at: at)
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
        let paths = store?.index?.state.withLock { $0.files.map(\.path) } ?? []
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

    private func patch(_ path: String, at offset: Int, _ bytes: [UInt8]) throws {
        try LinuxFileSystem().openFile(path, mode: .existing).write(ByteBuffer(bytes: bytes), at: offset)
    }

    /// A store of two index files and a half, stopped cleanly, and their paths.
    private func stopped() throws -> (StoreFixture, [String]) {
        let fixture = StoreFixture()
        fixture.configuration.indexSlotCount = 10
        fixture.configuration.indexEntryCount = 41
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        // Some have two keys, one of them twice, and some none: a record may lie across two files.
        for number in 0..<75 {
            let keys = number % 7 == 3 ? "" : "KEYS\u{1}k\(number % 5) x\(number) x\(number)\u{2}"
            store.append(StoreFixture.message("b\(number)", properties: keys)) { _ in }
            fixture.clock.advance(900)
        }
        while store.dispatchStep() {}
        let paths = store.index?.state.withLock { $0.files.map(\.path) } ?? []
        try store.close()
        return (fixture, paths)
    }

    @Test("the check of a stopped store takes a good index and finds what is wrong in a bad one")
    func check() throws {
        let (fixture, paths) = try stopped()
        let layout = IndexLayout(slotCount: 10, entryCount: 41)
        func report() throws -> StoreCheck.Report {
            try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        }
        var found = try report()
        #expect(found.isGood, "\(found.indexDifferences)")
        #expect(paths.count > 2 && found.index?.files == paths.count && (found.index?.entries ?? 0) > 80)
        // An entry of another key.
        try patch(paths[0], at: layout.entryAt(20) + 3, [0x55])
        found = try report()
        #expect(!found.isGood && found.differenceCount == 0 && found.indexDifferenceCount > 0)
    }

    @Test(
        "each kind of damage has its words",
        arguments: [
            (40 + 3, [UInt8(0x7F)], "do not point to their newest entry"),
            (36, [0x7F], "more entries than it has room for"),
            // The 20th entry: its log offset, and its link.
            (40 + 40 + 20 * 20 + 11, [0x01], "there is no message"),
            (40 + 40 + 20 * 20 + 19, [0x7F], "is not linked"),
        ])
    func words(_ offset: Int, _ bytes: [UInt8], _ words: String) throws {
        let (fixture, paths) = try stopped()
        try patch(paths[0], at: offset, bytes)
        let found = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(found.indexDifferences.contains { $0.contains(words) }, "\(found.indexDifferences)")
    }

    @Test("a file that is missing in the middle is noticed")
    func missing() throws {
        let (fixture, paths) = try stopped()
        try LinuxFileSystem().remove(paths[1])
        let found = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(found.indexDifferences.contains { $0.contains("lacks the keys of the message") })
    }
}
