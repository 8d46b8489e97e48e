/// Compares the key index of a store that is not in use with the log: its hash tables with their entries, and the
/// entries with the keys of the records that they point to. Changes nothing.
///
/// From the first entry to the last, each record's keys must be there; those behind the last are added by the next start.
/// A record may have its keys twice, which a crash can bring about. Damage of the log is the log's check's.
struct IndexCheck {
    private let segments: LogSegments
    private let layout: IndexLayout
    private let directory: String
    private let files: any FileSystem

    /// Files and entries that were looked at.
    private(set) var fileCount = 0
    private(set) var entryCount = 0
    /// What differs, in words; the first hundred.
    private(set) var differences: [String] = []
    private(set) var differenceCount = 0

    private var keys = RecordKeys()
    /// The record whose entries are being read, and their hashes.
    private var offset: Int64?
    private var hashes: Set<Int32> = []

    init(_ configuration: StoreConfiguration, segments: LogSegments, files: any FileSystem) {
        self.segments = segments
        self.files = files
        directory = configuration.indexDirectory
        layout = IndexLayout(slotCount: configuration.indexSlotCount, entryCount: configuration.indexEntryCount)
    }

    private mutating func differs(_ text: String) {
        differenceCount += 1
        if differences.count < 100 { differences.append(text) }
    }

    mutating func run() throws(StoreError) {
        guard files.exists(directory) else { return }
        let entries = try StoreError.wrap { () throws(FileSystemError) in try files.list(directory) }
        let found = entries.filter { !$0.isDirectory && IndexFileName.isName($0.name) }
        for entry in found.sorted(by: { $0.name < $1.name }) {
            guard entry.size == layout.fileBytes else {
                differs("index \(entry.name): \(entry.size) bytes where \(layout.fileBytes) are configured")
                continue
            }
            fileCount += 1
            try check(entry.name)
        }
        try endRecord()
    }

    private mutating func check(_ name: String) throws(StoreError) {
        let file = try StoreError.wrap { () throws(FileSystemError) in
            try files.openFile(directory + "/" + name, mode: .existing)
        }
        let head = try StoreError.wrap { () throws(FileSystemError) in
            try file.bytes(at: 0, count: IndexLayout.headerBytes)
        }
        let header = head.withUnsafeBytes { IndexHeader($0) }
        guard Int(header.nextEntry) <= layout.entryCount else {
            return differs("index \(name): its head claims more entries than it has room for")
        }
        var slots = [Int32](repeating: 0, count: layout.slotCount)
        var number: Int32 = 1
        while number < header.nextEntry {
            let count = min(IndexLayout.portion, Int(header.nextEntry - number))
            let entries = try StoreError.wrap { () throws(FileSystemError) in
                try layout.entries(from: number, count: count, of: file)
            }
            for entry in entries {
                let slot = entry.hash >= 0 ? layout.slot(of: entry.hash) : nil
                guard let slot, max(0, entry.previous) == slots[slot] else {
                    // What follows may be shifted: one difference says enough.
                    return differs("index \(name): entry \(number) is not linked to the one before it")
                }
                slots[slot] = number
                number += 1
                entryCount += 1
                try take(entry)
            }
        }
        try compareSlots(slots, file, name)
    }

    /// The table must point to the newest entry of each slot.
    private mutating func compareSlots(_ slots: [Int32], _ file: any StoreFile, _ name: String) throws(StoreError) {
        var wrong = 0
        for first in stride(from: 0, to: slots.count, by: IndexLayout.portion) {
            let count = min(IndexLayout.portion, slots.count - first)
            let bytes = try StoreError.wrap { () throws(FileSystemError) in
                try file.bytes(at: layout.slotAt(first), count: count * IndexLayout.slotBytes)
            }
            for index in 0..<count {
                let slot = bytes.withUnsafeBytes { $0.bigEndian(Int32.self, at: index * IndexLayout.slotBytes) }
                if slot != slots[first + index] { wrong += 1 }
            }
        }
        if wrong > 0 { differs("index \(name): \(wrong) slots do not point to their newest entry") }
    }

    private mutating func take(_ entry: IndexEntry) throws(StoreError) {
        if entry.logOffset == offset {
            hashes.insert(entry.hash)
            return
        }
        let last = offset
        try endRecord()
        if let last, entry.logOffset > last { try passOver(from: last, to: entry.logOffset) }
        offset = entry.logOffset
        hashes = [entry.hash]
    }

    /// The entries of a record are all there: they must be its keys.
    private mutating func endRecord() throws(StoreError) {
        guard let offset, offset >= segments.minOffset else { return }
        switch try reading(at: offset) {
        case .record? where Set(keys.hashes) == hashes: break
        case .record?: differs("index: not the keys of the message at log offset \(offset)")
        case .blank?, .invalid?, nil: differs("index: there is no message at log offset \(offset)")
        }
    }

    /// The records between two that the index has must have no keys.
    private mutating func passOver(from last: Int64, to next: Int64) throws(StoreError) {
        var at = max(last, segments.minOffset)
        while at < next {
            switch try reading(at: at) {
            case .record(let size, _)?:
                if at > last, !keys.hashes.isEmpty {
                    differs("index: lacks the keys of the message at log offset \(at)")
                }
                at += Int64(size)
            case .blank?: at = segments.segment(at: at)?.end ?? next
            case .invalid?, nil: return
            }
        }
    }

    private mutating func reading(at offset: Int64) throws(StoreError) -> RecordKeys.Reading? {
        guard let segment = segments.segment(at: offset) else { return nil }
        do throws(FileSystemError) { return try keys.read(segment, at: offset) } catch { throw StoreError(error) }
    }
}
