import Glibc
import MessageModel

/// What the index needs of a record in the log, read without its body.
struct RecordKeys {
    /// What lies at a place in the log.
    enum Reading {
        case record(size: Int, storeTimestampMillis: Int64)
        /// The rest of the file is unused.
        case blank
        /// No record; `size` is what its length field says when that is at least possible.
        case invalid(size: Int?)
    }

    private var head = [UInt8](repeating: 0, count: 128)
    private var tail: [UInt8] = []
    /// Hashes of the keys of the record that was read last, in the order of the index.
    private(set) var hashes: [Int32] = []

    /// Reads the record at a log offset of a segment and the hashes of its keys.
    mutating func read(_ segment: LogSegment, at offset: Int64) throws(FileSystemError) -> Reading {
        hashes.removeAll(keepingCapacity: true)
        let start = Int(offset - segment.base)
        let left = segment.count - start
        guard left >= RecordLayout.blankBytes else { return .blank }
        let headCount = min(left, head.count)
        try segment.read(into: &head, count: headCount, at: start)
        guard let place = head.withUnsafeBytes({ Place($0, count: headCount, left: left, logOffset: offset) }) else {
            return head.withUnsafeBytes { bytes in
                if bytes.bigEndian(Int32.self, at: 4) == RecordLayout.magicBlank { return .blank }
                let size = Int(bytes.bigEndian(Int32.self, at: 0))
                return .invalid(size: size > RecordLayout.blankBytes && size < left ? size : nil)
            }
        }
        let tailCount = place.size - place.topicLengthAt
        if tail.count < tailCount { tail = [UInt8](repeating: 0, count: max(tailCount, 1_024)) }
        try segment.read(into: &tail, count: tailCount, at: start + place.topicLengthAt)
        let isGood = tail.withUnsafeBytes { bytes in
            Self.collect(UnsafeRawBufferPointer(rebasing: bytes[..<tailCount]), place, into: &hashes)
        }
        return isGood
            ? .record(size: place.size, storeTimestampMillis: place.storeTimestampMillis) : .invalid(size: place.size)
    }

    private struct Place {
        let size: Int
        let isV2: Bool
        let isIndexed: Bool
        let storeTimestampMillis: Int64
        let topicLengthAt: Int

        init?(_ bytes: UnsafeRawBufferPointer, count: Int, left: Int, logOffset: Int64) {
            size = Int(bytes.bigEndian(Int32.self, at: 0))
            let magic = bytes.bigEndian(Int32.self, at: 4)
            isV2 = magic == RecordLayout.magicV2
            guard isV2 || magic == RecordLayout.magicV1, size <= left, size >= 88,
                bytes.bigEndian(Int64.self, at: RecordLayout.logOffsetAt) == logOffset
            else { return nil }
            let flags = MessageSysFlag(rawValue: bytes.bigEndian(Int32.self, at: 36))
            isIndexed = flags.transactionKind != .rollback
            let storeTimestampAt = RecordLayout.bornHostAt + (flags.contains(.bornHostV6) ? 20 : 8)
            let bodyLengthAt = storeTimestampAt + 8 + (flags.contains(.storeHostV6) ? 20 : 8) + 4 + 8
            guard bodyLengthAt + 4 <= count else { return nil }
            storeTimestampMillis = bytes.bigEndian(Int64.self, at: storeTimestampAt)
            let bodyBytes = Int(bytes.bigEndian(Int32.self, at: bodyLengthAt))
            topicLengthAt = bodyLengthAt + 4 + bodyBytes
            // Topic and properties have two-byte lengths.
            guard bodyBytes >= 0, topicLengthAt + (isV2 ? 4 : 3) <= size, size - topicLengthAt <= 4 + 2 * 0xFFFF else {
                return nil
            }
        }
    }

    private static func collect(
        _ bytes: UnsafeRawBufferPointer, _ place: Place, into hashes: inout [Int32]
    ) -> Bool {
        let topicAt = place.isV2 ? 2 : 1
        let topicEnd = topicAt + (place.isV2 ? Int(bytes.bigEndian(UInt16.self, at: 0)) : Int(bytes[0]))
        guard topicEnd + 2 <= bytes.count,
            topicEnd + 2 + Int(bytes.bigEndian(UInt16.self, at: topicEnd)) == bytes.count
        else { return false }
        guard place.isIndexed else { return true }
        let seed = IndexKey.seed(topic: UnsafeRawBufferPointer(rebasing: bytes[topicAt..<topicEnd]))
        IndexKey.forEach(in: UnsafeRawBufferPointer(rebasing: bytes[(topicEnd + 2)...])) {
            hashes.append(IndexKey.hash($0, seed: seed))
        }
        return true
    }
}

/// Keys as the index has them: the hash of `topic#key`, for the unique key and for each word of KEYS.
enum IndexKey {
    /// What the hash of each key of a topic starts with.
    static func seed(topic: UnsafeRawBufferPointer) -> Int32 {
        JavaHash.hashCode(utf8: topic) &* 31 &+ Int32(UInt8(ascii: "#"))
    }

    /// The hash of a key: never negative.
    static func hash(_ key: UnsafeRawBufferPointer, seed: Int32) -> Int32 {
        let hash = JavaHash.hashCode(utf8: key, after: seed)
        return hash == .min ? 0 : abs(hash)
    }

    /// The unique key, then the words of KEYS, in property text.
    static func forEach(in properties: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var unique: Range<Int>?
        var keys: Range<Int>?
        var start = 0
        while start < properties.count {
            let end = next(PropertyText.valueEnd, in: properties, from: start)
            switch properties[start] {
            case UInt8(ascii: "U"): unique = value("UNIQ_KEY", in: properties, start..<end) ?? unique
            case UInt8(ascii: "K"): keys = value("KEYS", in: properties, start..<end) ?? keys
            default: break
            }
            start = end + 1
        }
        if let unique { body(UnsafeRawBufferPointer(rebasing: properties[unique])) }
        guard let keys else { return }
        var wordStart = keys.lowerBound
        while wordStart < keys.upperBound {
            let wordEnd = min(next(UInt8(ascii: " "), in: properties, from: wordStart), keys.upperBound)
            if wordEnd > wordStart { body(UnsafeRawBufferPointer(rebasing: properties[wordStart..<wordEnd])) }
            wordStart = wordEnd + 1
        }
    }

    private static func value(
        _ name: StaticString, in bytes: UnsafeRawBufferPointer, _ entry: Range<Int>
    ) -> Range<Int>? {
        let start = entry.lowerBound + name.utf8CodeUnitCount + 1
        guard start < entry.upperBound, bytes[start - 1] == PropertyText.nameEnd, let base = bytes.baseAddress,
            memcmp(base + entry.lowerBound, name.utf8Start, name.utf8CodeUnitCount) == 0
        else { return nil }
        return start..<entry.upperBound
    }

    private static func next(_ unit: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(unit), bytes.count - start)
        else { return bytes.count }
        return UnsafeRawPointer(found) - base
    }
}

extension LogSegment {
    fileprivate func read(into bytes: inout [UInt8], count: Int, at offset: Int) throws(FileSystemError) {
        var failure: FileSystemError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(FileSystemError) {
                try copyOut(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
