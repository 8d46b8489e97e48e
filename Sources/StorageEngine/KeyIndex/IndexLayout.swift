import Glibc

/// Sizes and places in an index file (`store.md` §6): header 40, slots of 4, entries of 20, of which the first is unused.
struct IndexLayout: Hashable {
    static let headerBytes = 40
    static let slotBytes = 4
    static let entryBytes = 20
    /// Slots or entries that are read at a time when all are.
    static let portion = 8_192

    /// `maxHashSlotNum`.
    let slotCount: Int
    /// `maxIndexNum`; entry numbers stay below it.
    let entryCount: Int

    var fileBytes: Int { Self.headerBytes + slotCount * Self.slotBytes + entryCount * Self.entryBytes }

    func slotAt(_ slot: Int) -> Int { Self.headerBytes + slot * Self.slotBytes }

    func entryAt(_ number: Int) -> Int {
        Self.headerBytes + slotCount * Self.slotBytes + number * Self.entryBytes
    }

    func slot(of hash: Int32) -> Int { Int(hash) % slotCount }

    /// Entries of a file from a number on.
    func entries(from number: Int32, count: Int, of file: any StoreFile) throws(FileSystemError) -> [IndexEntry] {
        let bytes = try file.bytes(at: entryAt(Int(number)), count: count * Self.entryBytes)
        return bytes.withUnsafeBytes { bytes in
            (0..<count).map { index in
                let start = index * Self.entryBytes
                return IndexEntry(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Self.entryBytes]))
            }
        }
    }
}

/// The head of an index file: begin time 8, end time 8, begin log offset 8, end log offset 8, slots in use 4, next entry
/// number 4.
struct IndexHeader: Hashable {
    var beginTimestampMillis: Int64
    var endTimestampMillis: Int64
    var beginLogOffset: Int64
    var endLogOffset: Int64
    var usedSlotCount: Int32 = 0
    /// Number of the next entry; the first is 1.
    var nextEntry: Int32 = 1

    /// Of a new file that follows one which ends like this; its first entry replaces the beginning.
    init(afterTimestampMillis timestampMillis: Int64, logOffset: Int64) {
        (beginTimestampMillis, endTimestampMillis) = (timestampMillis, timestampMillis)
        (beginLogOffset, endLogOffset) = (logOffset, logOffset)
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        beginTimestampMillis = bytes.bigEndian(Int64.self, at: 0)
        endTimestampMillis = bytes.bigEndian(Int64.self, at: 8)
        beginLogOffset = bytes.bigEndian(Int64.self, at: 16)
        endLogOffset = bytes.bigEndian(Int64.self, at: 24)
        usedSlotCount = bytes.bigEndian(Int32.self, at: 32)
        nextEntry = max(1, bytes.bigEndian(Int32.self, at: 36))
    }

    func write(to bytes: UnsafeMutableRawPointer) {
        bytes.putBigEndian(beginTimestampMillis, at: 0)
        bytes.putBigEndian(endTimestampMillis, at: 8)
        bytes.putBigEndian(beginLogOffset, at: 16)
        bytes.putBigEndian(endLogOffset, at: 24)
        bytes.putBigEndian(usedSlotCount, at: 32)
        bytes.putBigEndian(nextEntry, at: 36)
    }

    /// Whole seconds since the begin time, as entries keep the time.
    func seconds(to timestampMillis: Int64) -> Int32 {
        if beginTimestampMillis <= 0 { return 0 }
        let (difference, isOver) = timestampMillis.subtractingReportingOverflow(beginTimestampMillis)
        if isOver { return timestampMillis < 0 ? 0 : .max }
        return Int32(clamping: max(0, difference / 1000))
    }

    /// The time of an entry, rounded down to the second.
    func timestampMillis(seconds: Int32) -> Int64 {
        let (sum, isOver) = beginTimestampMillis.addingReportingOverflow(Int64(seconds) * 1000)
        return isOver ? .max : sum
    }
}

/// A key of a message, to be added.
struct IndexedKey: Hashable {
    var hash: Int32
    var logOffset: Int64
    var storeTimestampMillis: Int64
}

/// One key of one message as files have it: key hash 4, log offset 8, seconds 4, number of the entry before it in the same slot 4.
struct IndexEntry: Hashable {
    var hash: Int32
    var logOffset: Int64
    var seconds: Int32
    var previous: Int32

    init(hash: Int32, logOffset: Int64, seconds: Int32, previous: Int32) {
        (self.hash, self.logOffset, self.seconds, self.previous) = (hash, logOffset, seconds, previous)
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        hash = bytes.bigEndian(Int32.self, at: 0)
        logOffset = bytes.bigEndian(Int64.self, at: 4)
        seconds = bytes.bigEndian(Int32.self, at: 12)
        previous = bytes.bigEndian(Int32.self, at: 16)
    }

    func write(to bytes: UnsafeMutableRawPointer) {
        bytes.putBigEndian(hash, at: 0)
        bytes.putBigEndian(logOffset, at: 4)
        bytes.putBigEndian(seconds, at: 12)
        bytes.putBigEndian(previous, at: 16)
    }
}

/// Index files are named after the local time of their creation, `yyyyMMddHHmmssSSS`, and sorted by name.
enum IndexFileName {
    static func isName(_ text: String) -> Bool {
        text.utf8.count == 17 && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// A name for a time that sorts behind `last`, even when the clock or the time zone went back.
    static func name(nowMillis: Int64, after last: String?) -> String {
        let name = name(nowMillis: nowMillis)
        guard let last, name <= last, let number = Int64(last) else { return name }
        return padded(number + 1, digits: 17)
    }

    private static func name(nowMillis: Int64) -> String {
        var seconds = time_t(nowMillis / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        let fields = [
            (Int64(parts.tm_year) + 1900, 4), (Int64(parts.tm_mon) + 1, 2), (Int64(parts.tm_mday), 2),
            (Int64(parts.tm_hour), 2), (Int64(parts.tm_min), 2), (Int64(parts.tm_sec), 2), (nowMillis % 1000, 3),
        ]
        return fields.map { padded($0.0, digits: $0.1) }.joined()
    }

    private static func padded(_ value: Int64, digits: Int) -> String {
        let text = String(max(0, value))
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
