import NIOCore

/// Reads records of one queue: units in portions, the records of those that match.
struct QueueReader {
    let segments: LogSegments
    let queue: ConsumeQueue
    let maxCount: Int
    let maxBytes: Int
    let notices: StoreNotices
    /// Units looked at for one read, so that a filter that nothing passes cannot hold a loop.
    private static let scanMax = 800
    private static let portion = 32

    /// How many units a read that filters looks at.
    static func scanCount(maxCount: Int) -> Int64 { Int64(max(scanMax, maxCount * 20)) }

    init(segments: LogSegments, queue: ConsumeQueue, maxCount: Int, maxBytes: Int, notices: StoreNotices) {
        self.segments = segments
        self.queue = queue
        self.maxCount = maxCount
        self.maxBytes = maxBytes
        self.notices = notices
    }

    /// Fills in records, the next offset and the status.
    func read(
        _ result: inout ReadResult, into buffer: inout ByteBuffer, matching: ((Int64) -> Bool)?,
        accepting: ((UnsafeRawBufferPointer) -> Bool)?
    ) {
        let start = buffer.writerIndex
        var offset = result.nextOffset
        let scanEnd = min(result.maxOffset, offset + Self.scanCount(maxCount: maxCount))
        var isFull = false
        var removed = false
        while offset < scanEnd, !isFull, result.records.count < maxCount {
            var taken = 0
            let count = min(
                Self.portion, Int(scanEnd - offset), matching == nil ? maxCount - result.records.count : Int.max)
            let first = offset
            try? queue.read(from: offset, count: count) { units in
                // Room for all of them at once; who filters takes few.
                if matching == nil, accepting == nil {
                    let bytes = units.reduce(0) { $0 + Int($1.recordSize) }
                    buffer.reserveCapacity(minimumWritableBytes: max(0, min(bytes, maxBytes)))
                    result.records.reserveCapacity(result.records.count + units.count)
                }
                for unit in units {
                    if result.records.count >= maxCount { return }
                    let here = first + Int64(taken)
                    let unit = unit.isMessage && unit.hasExtensionAddress ? withTagsCode(unit) : unit
                    if unit.isMessage, matching?(unit.tagsCode) ?? true {
                        if buffer.writerIndex > start, buffer.writerIndex - start + Int(unit.recordSize) > maxBytes {
                            isFull = true
                            return
                        }
                        switch append(unit, queueOffset: here, &result, into: &buffer, accepting) {
                        case .taken: break
                        case .noRecord: removed = true
                        case .unreadable:
                            // The disk may give it later: whoever reads comes back to this offset.
                            isFull = true
                            return
                        }
                    }
                    taken += 1
                }
            }
            // No unit could be read: the file is gone or unreadable.
            if taken == 0, !isFull { break }
            offset += Int64(taken)
        }
        if result.records.isEmpty {
            result.status =
                offset == result.nextOffset ? .offsetFoundNull : removed ? .messageWasRemoving : .noMatchedMessage
        }
        result.nextOffset = offset
    }

    /// The unit with the tags code of its record, which Apache keeps elsewhere.
    private func withTagsCode(_ unit: QueueUnit) -> QueueUnit {
        var record = ByteBuffer()
        guard let segment = segments.segment(at: unit.logOffset),
            (try? segment.copyRecord(at: unit.logOffset, expectedSize: Int(unit.recordSize), into: &record)) == true
        else { return unit }
        return record.withUnsafeReadableBytes { bytes in
            guard case .record(let header) = RecordHeader.read(bytes, checksBody: false) else { return unit }
            var unit = unit
            unit.tagsCode = TagsCode.of(properties: UnsafeRawBufferPointer(rebasing: bytes[header.properties]))
            return unit
        }
    }

    private enum Taking {
        case taken
        /// Deleted with its file, or damaged: no later read would find it either.
        case noRecord
        case unreadable
    }

    private func append(
        _ unit: QueueUnit, queueOffset: Int64, _ result: inout ReadResult, into buffer: inout ByteBuffer,
        _ accepting: ((UnsafeRawBufferPointer) -> Bool)?
    ) -> Taking {
        let before = buffer.writerIndex
        do throws(FileSystemError) {
            guard let segment = segments.segment(at: unit.logOffset) else { return .noRecord }
            guard try segment.copyRecord(at: unit.logOffset, expectedSize: Int(unit.recordSize), into: &buffer) else {
                notices.note(
                    .init(file: segment.path, logOffset: unit.logOffset, bytes: Int64(unit.recordSize)))
                return .noRecord
            }
        } catch {
            return .unreadable
        }
        if let accepting {
            let isWanted = buffer.withUnsafeReadableBytes { bytes in
                accepting(UnsafeRawBufferPointer(rebasing: bytes[(before - buffer.readerIndex)...]))
            }
            guard isWanted else {
                buffer.moveWriterIndex(to: before)
                return .taken
            }
        }
        result.records.append(
            RecordSlot(
                queueOffset: queueOffset, logOffset: unit.logOffset, size: unit.recordSize, tagsCode: unit.tagsCode,
                range: before..<buffer.writerIndex))
        return .taken
    }
}

extension LogSegment {
    /// Appends the record at a log offset; false when no record of the expected size starts there.
    func copyRecord(
        at offset: Int64, expectedSize: Int?, into buffer: inout ByteBuffer
    ) throws(FileSystemError) -> Bool {
        let index = Int(offset - base)
        guard index >= 0, index + RecordLayout.blankBytes <= count else { return false }
        var known = expectedSize
        if known == nil { known = try recordSize(at: index) }
        guard let size = known, size > RecordLayout.blankBytes, index + size <= count else { return false }
        var failure: FileSystemError?
        var isRecord = false
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            let record = UnsafeMutableRawBufferPointer(rebasing: space[..<size])
            failure = failureToCopy(into: record, at: index)
            isRecord = failure == nil && Self.recordSize(UnsafeRawBufferPointer(record)) == size
            return isRecord ? size : 0
        }
        if let failure { throw failure }
        return isRecord
    }

    private func recordSize(at index: Int) throws(FileSystemError) -> Int? {
        var head: Int64 = 0
        var failure: FileSystemError?
        let size = withUnsafeMutableBytes(of: &head) { bytes in
            failure = failureToCopy(into: bytes, at: index)
            return Self.recordSize(UnsafeRawBufferPointer(bytes))
        }
        if let failure { throw failure }
        return size
    }

    /// The size that the head of a record says; nil for what is none.
    private static func recordSize(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let magic = bytes.bigEndian(Int32.self, at: 4)
        guard magic == RecordLayout.magicV1 || magic == RecordLayout.magicV2 else { return nil }
        return Int(bytes.bigEndian(Int32.self, at: 0))
    }

    private func failureToCopy(into buffer: UnsafeMutableRawBufferPointer, at index: Int) -> FileSystemError? {
        do throws(FileSystemError) {
            try copyOut(into: buffer, at: index)
            return nil
        } catch {
            return error
        }
    }

    /// The store time of the record at a log offset.
    func storeTimestamp(at offset: Int64) -> Int64? {
        var record = ByteBuffer()
        guard (try? copyRecord(at: offset, expectedSize: nil, into: &record)) == true else { return nil }
        return record.withUnsafeReadableBytes { bytes in
            guard case .record(let header) = RecordHeader.read(bytes, checksBody: false) else { return nil }
            return header.storeTimestampMillis
        }
    }
}
