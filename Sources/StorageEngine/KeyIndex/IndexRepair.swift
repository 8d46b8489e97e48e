/// Makes an index file whole again after a crash: slots of the hash table may be newer or older on disk than the entries
/// that are known to be there, so they are built again from those entries.
struct IndexRepair {
    private let layout: IndexLayout
    private let file: any StoreFile
    private static let portion = 8_192

    init(files: any FileSystem, path: String, layout: IndexLayout) throws(FileSystemError) {
        self.layout = layout
        file = try files.openFile(path, mode: .existing)
    }

    /// Keeps the entries before `nextEntry` and returns the header for them; nil when they are not what was written
    /// there. `header` is the one on disk, of which the beginning counts.
    func run(
        header: IndexHeader, nextEntry: Int32, endTimestampMillis: Int64
    ) throws(FileSystemError) -> IndexHeader? {
        guard nextEntry > 1, Int(nextEntry) <= layout.entryCount else { return nil }
        var slots = [Int32](repeating: 0, count: layout.slotCount)
        var repaired = header
        repaired.usedSlotCount = 0
        repaired.nextEntry = nextEntry
        repaired.endTimestampMillis = endTimestampMillis
        var isWhole = true
        var number: Int32 = 1
        while isWhole, number < nextEntry {
            let count = min(Self.portion, Int(nextEntry - number))
            try read(number, count) { entry in
                guard isWhole else { return }
                isWhole = entry.hash >= 0 && entry.logOffset >= repaired.endLogOffset(before: number)
                guard isWhole else { return }
                let slot = layout.slot(of: entry.hash)
                isWhole = entry.previous == slots[slot]
                if slots[slot] == 0 { repaired.usedSlotCount += 1 }
                slots[slot] = number
                repaired.endLogOffset = entry.logOffset
                number += 1
            }
        }
        guard isWhole else { return nil }
        try write(&slots)
        return repaired
    }

    private func read(_ first: Int32, _ count: Int, _ body: (IndexEntry) -> Void) throws(FileSystemError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count * IndexLayout.entryBytes, alignment: 8)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        _ = try file.read(into: buffer, at: layout.entryAt(Int(first)))
        for index in 0..<count {
            let start = index * IndexLayout.entryBytes
            body(IndexEntry(UnsafeRawBufferPointer(rebasing: buffer[start..<start + IndexLayout.entryBytes])))
        }
    }

    private func write(_ slots: inout [Int32]) throws(FileSystemError) {
        for index in slots.indices { slots[index] = slots[index].bigEndian }
        var failure: FileSystemError?
        slots.withUnsafeBytes { bytes in
            do throws(FileSystemError) { try file.write(bytes, at: layout.slotAt(0)) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension IndexHeader {
    /// The least log offset that entry `number` can have.
    fileprivate func endLogOffset(before number: Int32) -> Int64 { number == 1 ? beginLogOffset : endLogOffset }
}
