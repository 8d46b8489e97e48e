import MessageModel

/// Brings log and consume queues to one consistent end after a start.
///
/// Reads the log from the last point known to be on disk together with its queues, checks every record, cuts a torn
/// tail, steps over a record that is damaged in the middle (and reports it), and writes the queue units that are missing.
struct Recovery {
    let segments: LogSegments
    let queues: ConsumeQueueTable
    let checkpoint: Checkpoint
    let wasClean: Bool
    let checksBodies: Bool
    /// There is no directory of queues: they are built from the whole log. An empty one is left by deleted topics.
    let queuesAreMissing: Bool
    let nowMillis: Int64

    private(set) var report = RecoveryReport()
    /// Store time of the newest record read.
    private(set) var newestTimestampMillis: Int64 = 0

    init(
        segments: LogSegments, queues: ConsumeQueueTable, checkpoint: Checkpoint, wasClean: Bool, checksBodies: Bool,
        queuesAreMissing: Bool, nowMillis: Int64
    ) {
        self.segments = segments
        self.queues = queues
        self.checkpoint = checkpoint
        self.wasClean = wasClean
        self.checksBodies = checksBodies
        self.queuesAreMissing = queuesAreMissing
        self.nowMillis = nowMillis
    }

    /// Recovers; the report says what was found.
    mutating func run() throws(StoreError) {
        report.wasClean = wasClean
        let minOffset = segments.minOffset
        let start = queuesAreMissing ? minOffset : startOffset()
        report.scannedFrom = start
        let end = try scan(from: start)
        report.logEnd = end
        try cut(at: end)
        for queue in queues.all {
            try queue.truncate(toLogOffset: end)
            if !wasClean { try queue.eraseTail() }
            try queue.raiseMin(toLogOffset: minOffset)
            queue.nextOffset = queue.bounds.max
            queue.closeIfIdle(before: Int64.max)
        }
    }

    /// The place from which on something may be missing.
    private func startOffset() -> Int64 {
        let minOffset = segments.minOffset
        if let from = checkpoint.recoverFrom, from >= minOffset, isRecordStart(from) { return from }
        // A store that Apache wrote: the newest file whose first record is older than the checkpoint.
        for segment in segments.all.reversed() {
            guard case .record(let header)? = reading(at: segment.base), header.storeTimestampMillis > 0 else {
                continue
            }
            if header.storeTimestampMillis <= checkpoint.safeTimestampMillis { return segment.base }
        }
        return minOffset
    }

    private func isRecordStart(_ offset: Int64) -> Bool {
        guard let segment = segments.segment(at: offset) else {
            return segments.all.last.map { $0.end == offset } ?? (offset == 0)
        }
        if offset == segment.base { return true }
        switch reading(at: offset) {
        case .record(let header): return header.logOffset == offset
        case .blank: return true
        case .invalid(let size)?: return size == nil
        case nil: return false
        }
    }

    private func reading(at offset: Int64) -> RecordHeader.Reading? {
        guard let segment = segments.segment(at: offset) else { return nil }
        var result: RecordHeader.Reading?
        try? withRecord(in: segment, at: offset) { result = RecordHeader.read($0, checksBody: false) }
        return result
    }

    /// Reads records to the end; returns the log offset behind the last good one.
    ///
    /// Before the checkpoint's offset the log was once good on disk: what cannot be read there is damage to step over,
    /// never the end, behind which everything is erased.
    private mutating func scan(from start: Int64) throws(StoreError) -> Int64 {
        let goodEnd = checkpoint.recoverFrom.flatMap { isRecordStart($0) ? $0 : nil } ?? 0
        var offset = start
        var end = start
        while let segment = segments.segment(at: offset) {
            var reading = RecordHeader.Reading.invalid(size: nil)
            var message: DispatchedMessage?
            let checksBodies = checksBodies
            try withRecord(in: segment, at: offset) { bytes in
                reading = RecordHeader.read(bytes, checksBody: checksBodies)
                if case .record(let header) = reading, header.isQueued, header.hasPlace {
                    message = header.dispatched(bytes, at: offset)
                }
            }
            switch reading {
            case .record(let header) where header.logOffset == offset:
                report.messagesScanned += 1
                newestTimestampMillis = header.storeTimestampMillis
                if let message { try restore(message) }
                offset += Int64(header.size)
                end = offset
            case .blank:
                offset = segment.end
                end = offset
            case .record(let header):  // another offset than its place: bytes of an older life of this file
                if try stepOver(offset, size: header.size, in: segment) {
                    offset += Int64(header.size)
                } else if offset < goodEnd {
                    offset = skip(from: offset, to: goodEnd, in: segment)
                    end = offset
                } else {
                    return end
                }
            case .invalid(let size):
                if let size, try stepOver(offset, size: size, in: segment) {
                    offset += Int64(size)
                } else if offset < goodEnd {
                    offset = skip(from: offset, to: goodEnd, in: segment)
                    end = offset
                } else {
                    report.tailWasCut = try !isZero(at: offset, in: segment)
                    return end
                }
            }
        }
        return end
    }

    /// Whether a bad record is followed by a good one: then it is damage in the middle, not the torn end.
    private mutating func stepOver(_ offset: Int64, size: Int, in segment: LogSegment) throws(StoreError) -> Bool {
        let next = offset + Int64(size)
        guard next < segment.end else { return false }
        var isGood = false
        try withRecord(in: segment, at: next) { bytes in
            if case .record(let header) = RecordHeader.read(bytes, checksBody: true) {
                isGood = header.logOffset == next
            }
        }
        if isGood { report.damages.append(.init(file: segment.path, logOffset: offset)) }
        return isGood
    }

    /// Passes over damage of unknown length: to the next file, or to the offset that the checkpoint vouches for.
    private mutating func skip(from offset: Int64, to goodEnd: Int64, in segment: LogSegment) -> Int64 {
        report.damages.append(.init(file: segment.path, logOffset: offset))
        return min(segment.end, goodEnd)
    }

    private func restore(_ message: DispatchedMessage) throws(StoreError) {
        if queues.isBatchTopic(message.topic) { return }
        let queue = queues.queue(topic: message.topic, queueId: message.queueId)
        let bounds = queue.bounds
        let unit = QueueUnit(logOffset: message.logOffset, recordSize: message.size, tagsCode: message.tagsCode)
        // The tags code may differ: queues of delayed messages keep the time there.
        if message.queueOffset < bounds.max, let existing = try queue.read(at: message.queueOffset),
            existing.logOffset == unit.logOffset, existing.recordSize == unit.recordSize
        {
            return
        }
        try queue.write(unit, at: message.queueOffset)
        queue.publish(max: message.queueOffset + 1, nowMillis: nowMillis)
    }

    private func isZero(at offset: Int64, in segment: LogSegment) throws(StoreError) -> Bool {
        var word: Int64 = -1
        try withRecord(in: segment, at: offset) { word = $0.count >= 8 ? $0.bigEndian(Int64.self, at: 0) : 0 }
        return word == 0
    }

    /// Erases what lies behind the end, so that no later recovery takes it for records.
    private func cut(at end: Int64) throws(StoreError) {
        try StoreError.wrap { () throws(FileSystemError) in
            try segments.dropFiles(from: max(end, segments.minOffset + 1))
            if let segment = segments.segment(at: end) { try segment.erase(from: end) }
        }
    }

    /// Copies the record at an offset (as long as it says, or the rest of the file when that is shorter) and hands it out
    /// as if the bytes reached to the end of the file.
    private func withRecord(
        in segment: LogSegment, at offset: Int64, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        let index = Int(offset - segment.base)
        let left = segment.region.count - index
        guard left >= RecordLayout.blankBytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        var head: (Int32, Int32) = (0, 0)
        let failure: FileSystemError? = withUnsafeMutableBytes(of: &head) { buffer in
            do throws(FileSystemError) {
                try segment.region.copyOut(into: buffer, at: index)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw StoreError(failure) }
        let size = Int(Int32(bigEndian: head.0))
        let isRecord = Int32(bigEndian: head.1) != RecordLayout.magicBlank && size > 0 && size <= left
        let count = isRecord ? size : min(left, 64)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        defer { copy.deallocate() }
        try StoreError.wrap { () throws(FileSystemError) in try segment.region.copyOut(into: copy, at: index) }
        body(UnsafeRawBufferPointer(copy))
    }
}
