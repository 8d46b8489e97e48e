/// Makes an index file whole again after a crash: slots of the hash table may be newer or older on disk than the entries
/// that are known to be there, so they are built again from those entries.
struct IndexRepair {
    private let layout: IndexLayout
    private let file: any StoreFile

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
        var number: Int32 = 1
        while number < nextEntry {
            let count = min(IndexLayout.portion, Int(nextEntry - number))
            for entry in try layout.entries(from: number, count: count, of: file) {
                guard entry.hash >= 0, entry.logOffset >= repaired.endLogOffset(before: number) else { return nil }
                let slot = layout.slot(of: entry.hash)
                guard entry.previous == slots[slot] else { return nil }
                if slots[slot] == 0 { repaired.usedSlotCount += 1 }
                slots[slot] = number
                repaired.endLogOffset = entry.logOffset
                number += 1
            }
        }
        try write(&slots)
        return repaired
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
