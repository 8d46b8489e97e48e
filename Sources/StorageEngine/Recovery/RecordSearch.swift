import CStorageSupport
import MessageModel
import Glibc

/// Looks for the next good record behind a place of the log that cannot be read: what tells damage in the middle, which
/// is stepped over, from the torn end, which is cut.
///
/// A record is good when its magic, lengths and checksum are, and when it says that it lies where it does.
struct RecordSearch {
    let segments: LogSegments
    private static let chunkBytes = 1 << 20
    /// A longer run of zeros is the unused rest of a file: far more than what a power failure can lose before a record
    /// that it keeps, as the log is flushed every half second.
    private static let zeroBytesMax: Int64 = 64 << 20

    init(segments: LogSegments) {
        self.segments = segments
    }

    /// The log offset of the first good record behind an offset; nil when none follows.
    func next(after offset: Int64) throws(StoreError) -> Int64? {
        for segment in segments.all where segment.end > offset {
            if let found = try search(segment, from: max(segment.base, offset + 1)) { return found }
        }
        return nil
    }

    private func search(_ segment: LogSegment, from start: Int64) throws(StoreError) -> Int64? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunkBytes, alignment: 8)
        defer { buffer.deallocate() }
        segment.setReadAhead(false)
        defer { segment.setReadAhead(true) }
        var offset = start
        var zerosFrom = start
        // Holes are skipped: the rest of the newest file is one as a rule.
        while let data = segment.nextData(from: offset) {
            // A length may lie in the last bytes before a stretch of data: zeros, but for the smallest.
            let first = max(start, data.lowerBound - Int64(RecordLayout.blankBytes))
            let wanted = Int(min(Int64(buffer.count), data.upperBound - first))
            let count = try StoreError.wrap { () throws(FileSystemError) in
                try segment.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: first)
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            for candidate in Self.candidates(in: bytes) {
                if try isGood(first + Int64(candidate), in: segment) { return first + Int64(candidate) }
            }
            if first + Int64(count) <= offset { return nil }
            offset = first + Int64(count)
            if storage_is_zero(bytes.baseAddress, count) == 0 { zerosFrom = offset }
            if offset - zerosFrom > Self.zeroBytesMax { return nil }
        }
        return nil
    }

    /// Indices whose next bytes may be a length and a record's magic.
    private static func candidates(in bytes: UnsafeRawBufferPointer) -> [Int] {
        guard let base = bytes.baseAddress else { return [] }
        var found: [Int] = []
        var index = 4
        while index + 4 <= bytes.count, let hit = memchr(base + index, 0xDA, bytes.count - index - 3) {
            index = UnsafeRawPointer(hit) - base
            let magic = bytes.bigEndian(Int32.self, at: index)
            if magic == RecordLayout.magicV1 || magic == RecordLayout.magicV2 { found.append(index - 4) }
            index += 1
        }
        return found
    }

    private func isGood(_ offset: Int64, in segment: LogSegment) throws(StoreError) -> Bool {
        var isGood = false
        try segment.withRecord(at: offset) { bytes in
            if case .record(let header) = RecordHeader.read(bytes, checksBody: true) {
                isGood = header.logOffset == offset
            }
        }
        return isGood
    }
}

extension LogSegment {
    /// What the first eight bytes of a record say: its size, and whether it is the blank at the end of a file.
    func recordHead(at offset: Int64) throws(StoreError) -> (size: Int, isBlank: Bool) {
        var head: (Int32, Int32) = (0, 0)
        let failure: FileSystemError? = withUnsafeMutableBytes(of: &head) { buffer in
            do throws(FileSystemError) {
                try copyOut(into: buffer, at: Int(offset - base))
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw StoreError(failure) }
        return (Int(Int32(bigEndian: head.0)), Int32(bigEndian: head.1) == RecordLayout.magicBlank)
    }

    /// What lies at a log offset, with what dispatch announces of a record that has a place in a queue.
    func readMessages(
        at offset: Int64, checksBody: Bool, delayLevels: DelayLevels
    ) throws(StoreError) -> (reading: RecordHeader.Reading, messages: [DispatchedMessage]) {
        var reading = RecordHeader.Reading.invalid(size: nil)
        var messages: [DispatchedMessage] = []
        try withRecord(at: offset) { bytes in
            reading = RecordHeader.read(bytes, checksBody: checksBody)
            if case .record(let header) = reading, header.isQueued, header.hasPlace {
                messages = header.dispatchedToAll(bytes, at: offset, delayLevels: delayLevels)
            }
        }
        return (reading, messages)
    }

    /// Copies the record at a log offset (as long as it says, or the rest of the file when that is shorter) and hands it
    /// out; a blank or a place without record gives its first bytes.
    func withRecord(at offset: Int64, _ body: (UnsafeRawBufferPointer) -> Void) throws(StoreError) {
        let index = Int(offset - base)
        let left = self.count - index
        guard left >= RecordLayout.blankBytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let (size, isBlank) = try recordHead(at: offset)
        let isRecord = !isBlank && size > 0 && size <= left
        let count = isRecord ? size : min(left, 64)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        defer { copy.deallocate() }
        try StoreError.wrap { () throws(FileSystemError) in try copyOut(into: copy, at: index) }
        body(UnsafeRawBufferPointer(copy))
    }
}
