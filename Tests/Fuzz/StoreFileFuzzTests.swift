import InMemoryFileSystem
import NIOCore
import Testing

@testable import DeliveryEngine
@testable import StorageEngine

/// The other files of the store.
@Suite("Fuzz: files of the store") struct StoreFileFuzzTests {
    @Test("consume queue units") func units() throws {
        try FuzzTarget("units").run { input, _ in
            let bytes = Array(input.prefix(QueueUnit.size))
            guard bytes.count == QueueUnit.size else { return nil }
            let unit = bytes.withUnsafeBytes { $0.baseAddress.map { QueueUnit($0) } }
            var again = [UInt8](repeating: 0, count: QueueUnit.size)
            again.withUnsafeMutableBytes { target in if let base = target.baseAddress { unit?.write(to: base) } }
            guard again == bytes, let unit else { return "written it is another" }
            return unit.isMessage && !unit.isWritten ? "a message that was not written" : nil
        }
    }

    @Test("the checkpoint") func checkpoint() throws {
        /// Both notes with checksums that fit.
        func seal(_ input: [UInt8]) -> [UInt8] {
            var bytes = input + [UInt8](repeating: 0, count: max(0, Checkpoint.fileBytes - input.count))
            for (at, count) in [(1_024, 16), (1_088, 40)] {
                let sum = CRC32.checksum(bytes[at..<at + count])
                bytes.replaceSubrange(at + count..<at + count + 4, with: withUnsafeBytes(of: sum.bigEndian, Array.init))
            }
            return bytes
        }
        try FuzzTarget("checkpoints").run(seal: seal) { input, random in
            let isShort = random.happens(percent: 10)
            let padding = isShort ? 0 : max(0, Checkpoint.fileBytes - input.count)
            let read = (input + [UInt8](repeating: 0, count: padding)).withUnsafeBytes { Checkpoint($0) }
            guard read.safeTimestampMillis >= 0 else { return "a time before 1970" }
            if isShort, input.count < Checkpoint.fileBytes, read != Checkpoint() { return "read from half a file" }
            if read.newerFormat != nil { return read.recoverFrom == nil ? nil : "believed another version" }
            var bytes = [UInt8](repeating: 1, count: Checkpoint.fileBytes)
            bytes.withUnsafeMutableBytes { read.write(to: $0) }
            return bytes.withUnsafeBytes { Checkpoint($0) } == read ? nil : "written and read it is another"
        }
    }

    @Test("tombstones of topics") func tombstones() throws {
        func seal(_ input: [UInt8]) -> [UInt8] {
            guard let end = input.firstIndex(of: 0x0A) else { return input }
            return Array(String(CRC32.checksum(input[(end + 1)...]), radix: 16).utf8) + input[end...]
        }
        try FuzzTarget("tombstones").run(seal: seal) { input, _ in
            guard let table = Tombstones.decode(input) else { return nil }
            guard table.values.allSatisfy({ $0 >= 0 }) else { return "a negative offset" }
            return Tombstones.decode(Tombstones.encode(table)) == table ? nil : "written and read it is another"
        }
    }

    @Test("bounds of queues") func queueBounds() throws {
        func seal(_ input: [UInt8]) -> [UInt8] {
            guard input.count > 16 else { return input }
            var bytes = input
            let count = UInt32(clamping: bytes.count - 16)
            bytes.replaceSubrange(8..<12, with: withUnsafeBytes(of: count.bigEndian, Array.init))
            let sum = CRC32.checksum(bytes[16...])
            bytes.replaceSubrange(12..<16, with: withUnsafeBytes(of: sum.bigEndian, Array.init))
            return bytes
        }
        try FuzzTarget("queue-bounds").run(seal: seal) { input, _ in
            var bytes = ByteBuffer(bytes: input)
            guard let block = QueueBoundsBlock.read(&bytes) else {
                return bytes.readableBytes == input.count ? nil : "something of no block was taken"
            }
            for bounds in block.topics.flatMap(\.queues).map(\.bounds) {
                if bounds.fit(fileBytes: 6_000), bounds.numbers == nil, !bounds.offsets.isEmpty {
                    return "messages in no file"
                }
            }
            var again = block.encoded()
            let read = QueueBoundsBlock.read(&again)
            return read?.encoded() == block.encoded() ? nil : "written and read it is another"
        }
    }

    @Test("key index files: look-ups, more keys, repair") func indexes() throws {
        let layout = IndexLayout(slotCount: 10, entryCount: 20)
        try FuzzTarget("indexes").run { input, random in
            // Files of another size are refused before they are read.
            let bytes = Array((input + [UInt8](repeating: 0, count: layout.fileBytes)).prefix(layout.fileBytes))
            do {
                let files = InMemoryFileSystem()
                try files.fill("/20261126010203004", bytes)
                let file = try IndexFile(files: files, directory: "", name: "20261126010203004", layout: layout)
                for hash in [7, 0, Int32.max] {
                    var budget = 50
                    var found = 0
                    let from = random.happens(percent: 50) ? 0 : Int64(bitPattern: random.next())
                    try file.forEachOffset(hash: hash, from: from, to: .max, budget: &budget) { _ in
                        found += 1
                        return true
                    }
                    if found > layout.entryCount { return "\(found) keys of \(layout.entryCount)" }
                }
                let next = Int32(truncatingIfNeeded: random.below(30)) - 3
                let repair = try IndexRepair(files: files, path: file.path, layout: layout)
                if let header = try repair.run(header: file.header, nextEntry: next, endTimestampMillis: 5) {
                    guard header.nextEntry == next, header.usedSlotCount < next else { return "repaired to \(header)" }
                }
                var put = 0
                while true {
                    let key = IndexedKey(
                        hash: 7, logOffset: .max, storeTimestampMillis: Int64(bitPattern: random.next()))
                    if try file.put([key]) == 0 { break }
                    put += 1
                    if put > layout.entryCount { return "it never is full" }
                }
                _ = try file.synchronize()
                return nil
            } catch { return "\(error)" }
        }
    }
}
