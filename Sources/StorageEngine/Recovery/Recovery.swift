import MessageModel

/// Brings log and consume queues to one consistent end after a start.
///
/// Reads the log from the last point known to be on disk together with its queues, checks every record, cuts a torn
/// tail, steps over a record that is damaged in the middle (and reports it), and writes the queue units that are missing.
/// Queues that the bounds file tells of, and that no record read is for, are not looked at.
struct Recovery {
    let segments: LogSegments
    let queues: ConsumeQueueTable
    let boundsFile: QueueBoundsFile
    let checkpoint: Checkpoint
    let wasClean: Bool
    /// A flush failed in the life before: pages that read well may not be on the disk.
    let pagesWereLost: Bool
    let checksBodies: Bool
    let delayLevels: DelayLevels
    /// The log ends at the first place that cannot be read.
    let isReplica: Bool
    /// There is no directory of queues: they are built from the whole log. An empty one is left by deleted topics.
    let queuesAreMissing: Bool
    let clock: any StoreClock
    let notices: StoreNotices

    private(set) var report = RecoveryReport()
    /// Store time of the newest record read.
    private(set) var newestTimestampMillis: Int64 = 0
    private var toldMillis: Int64 = 0
    /// What loading the queues found.
    private var loading = ConsumeQueueTable.Loading()
    /// Queues that records read are for, besides those searched.
    private var touched: [ObjectIdentifier: ConsumeQueue] = [:]
    /// Records before are read for queues that are missing only.
    private var allFrom: Int64 = 0
    /// Time between two reports of progress.
    private static let progressMillis: Int64 = 1_000
    /// Records between two looks at the clock.
    private static let progressRecords = 1_024

    init(
        configuration: StoreConfiguration, files: any FileSystem, segments: LogSegments, queues: ConsumeQueueTable,
        boundsFile: QueueBoundsFile, checkpoint: Checkpoint, wasClean: Bool, clock: any StoreClock,
        notices: StoreNotices
    ) {
        self.segments = segments
        self.queues = queues
        self.boundsFile = boundsFile
        self.checkpoint = checkpoint
        self.wasClean = wasClean
        pagesWereLost = segments.hasLostPages
        checksBodies = configuration.checkCRCOnRecover
        delayLevels = configuration.delayLevels
        isReplica = configuration.isReplica
        queuesAreMissing = !files.exists(configuration.queueDirectory)
        self.clock = clock
        self.notices = notices
    }

    /// Recovers; the report says what was found. `mark` makes a checkpoint durable that has a start after a kill read as
    /// much as this one: called before queues that are missing are built.
    mutating func run(marking mark: (Checkpoint) throws(StoreError) -> Void) throws(StoreError) {
        let started = clock.nowMillis
        toldMillis = started
        let file = boundsFile.load(wasClean: wasClean, pagesWereLost: pagesWereLost)
        let image = file.flatMap { $0.trust == .none || queuesAreMissing ? nil : $0.image }
        var isTrusted = image.map { file?.trust == .bounds && isUsable($0) } ?? false
        var end = try read(image, isTrusted: isTrusted, mark)
        // Units of damaged records, or of records that are not there any more, may lie in files not looked at.
        if isTrusted, let image, !report.damages.isEmpty || end < image.logOffset {
            isTrusted = false
            end = try read(image, isTrusted: false, mark)
        }
        report.wasClean = wasClean
        report.logEnd = end
        report.bytesScanned = end - report.scannedFrom
        try cut(at: end)
        try queues.tombstones.limit(to: end)
        try segments.makeDurable(from: report.scannedFrom, rewriting: pagesWereLost)
        try repairQueues(end: end, areTrusted: isTrusted)
        if isTrusted, let image { boundsFile.adopt(image) }
        report.durationMillis = clock.nowMillis - started
    }

    /// Whether what lies behind an image is in the log.
    private func isUsable(_ image: QueueImage) -> Bool {
        guard let from = checkpoint.recoverFrom, from >= segments.minOffset, isRecordStart(from) else { return false }
        return image.logOffset >= segments.minOffset && isRecordStart(image.logOffset)
    }

    /// Loads the queues and reads the log from where something may be missing; returns its end.
    private mutating func read(
        _ image: QueueImage?, isTrusted: Bool, _ mark: (Checkpoint) throws(StoreError) -> Void
    ) throws(StoreError) -> Int64 {
        report = RecoveryReport()
        touched = [:]
        if !isTrusted { try boundsFile.discard() }
        let minOffset = segments.minOffset
        loading = try queues.load(
            image.map {
                ConsumeQueueTable.Known(image: $0, isWhole: isTrusted, looksForFiles: !wasClean, logStart: minOffset)
            }, logStart: minOffset)
        let deleted = try dropDeleted()
        if loading.differs { boundsFile.renew() }
        allFrom = queuesAreMissing ? minOffset : startOffset()
        if isTrusted, let image { allFrom = min(allFrom, image.logOffset) }
        report.scannedFrom = loading.missing.isEmpty ? allFrom : minOffset
        // A new life begins where the deleted one ended.
        for queue in deleted {
            let start = max(minOffset, queues.tombstones.end(of: queue.topic))
            report.scannedFrom = min(report.scannedFrom, start)
        }
        if let first = loading.missing.map({ "\($0.topic)/\($0.queueId)" }).min() {
            report.rebuiltQueues = loading.missing.count
            notices.post(.rebuildingQueues(count: loading.missing.count, first: first))
        }
        loading.missing.formUnion(deleted)
        if queuesAreMissing || report.scannedFrom < allFrom {
            var marked = checkpoint
            marked.recoverFrom = report.scannedFrom
            marked.queueTimestampMillis = 0
            try mark(marked)
            try boundsFile.discard()
        }
        // Not before the mark: a start that found them gone would take the rest for all.
        try queues.removeStale(loading)
        notices.progress.begin(at: report.scannedFrom, end: segments.writtenEnd)
        defer { notices.progress.finish() }
        return try scan(from: report.scannedFrom)
    }

    /// Removes queues of a deleted life: the removal of their files may not have reached the disk. Before units of a new
    /// life come into them.
    private mutating func dropDeleted() throws(StoreError) -> Set<QueuePlace> {
        var deleted: Set<QueuePlace> = []
        var kept: [ConsumeQueue] = []
        for queue in loading.searched {
            if try isDeleted(queue) {
                try queues.remove(queue)
                deleted.insert(QueuePlace(topic: queue.topic, queueId: queue.queueId))
            } else {
                kept.append(queue)
            }
        }
        loading.searched = kept
        return deleted
    }

    private func isDeleted(_ queue: ConsumeQueue) throws(StoreError) -> Bool {
        queues.tombstones.covers(topic: queue.topic, logOffset: try queue.newestLogOffset())
    }

    private func repairQueues(end: Int64, areTrusted: Bool) throws(StoreError) {
        let damaged = report.damages.map { $0.logOffset..<$0.logOffset + $0.bytes }
        var unsure = touched
        for queue in loading.searched { unsure[ObjectIdentifier(queue)] = queue }
        // Files are changed in an order that is the same in each process.
        for queue in unsure.values.sorted(by: { ($0.topic, $0.queueId) < ($1.topic, $1.queueId) }) {
            if try isDeleted(queue) {
                try queues.remove(queue)
                continue
            }
            try queue.truncate(toLogOffset: end)
            if !wasClean, !areTrusted { try queue.eraseTail() }
            if !damaged.isEmpty { try queue.blank(damaged, from: report.scannedFrom) }
            try queue.raiseMin(toLogOffset: segments.minOffset)
            queue.nextOffset = queue.bounds.max
            queue.letGo()
        }
    }

    /// The place from which on something may be missing.
    private func startOffset() -> Int64 {
        let minOffset = segments.minOffset
        if let from = checkpoint.recoverFrom {
            // Files of the log were deleted since.
            if from < minOffset { return minOffset }
            if isRecordStart(from) { return from }
            if let segment = segments.segment(at: from) { return segment.base }
        }
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
        try? segment.withRecord(at: offset) { result = RecordHeader.read($0, checksBody: false) }
        return result
    }

    /// Reads records to the end; returns the log offset behind the last good one.
    private mutating func scan(from start: Int64) throws(StoreError) -> Int64 {
        var offset = start
        var end = start
        while let segment = segments.segment(at: offset) {
            let (reading, messages) = try segment.readMessages(
                at: offset, checksBody: checksBodies, delayLevels: delayLevels)
            switch reading {
            case .record(let header) where header.logOffset == offset:
                report.messagesScanned += 1
                newestTimestampMillis = header.storeTimestampMillis
                for message in messages { try restore(message) }
                offset += Int64(header.size)
            case .blank:
                offset = segment.end
            case .record(let header):  // another offset than its place: bytes of an older life of this file
                guard let next = try stepOver(offset, size: header.size, in: segment) else { return end }
                offset = next
            case .invalid(let size):
                guard let next = try stepOver(offset, size: size, in: segment) else {
                    report.tailWasCut = try !isZero(at: offset, in: segment)
                    return end
                }
                offset = next
            }
            end = offset
            tellProgress(offset)
        }
        return end
    }

    /// Passes over a place that cannot be read, when good records follow: then it is damage in the middle. Nil at the
    /// torn end.
    ///
    /// Before the checkpoint's offset the log was once good on disk: what cannot be read there is never the end.
    private mutating func stepOver(_ offset: Int64, size: Int?, in segment: LogSegment) throws(StoreError) -> Int64? {
        var next: Int64?
        if let size, try isGoodRecord(at: offset + Int64(size), in: segment) { next = offset + Int64(size) }
        // After a clean stop the checkpoint is the end: nothing follows.
        if wasClean, checkpoint.recoverFrom == offset { return nil }
        if isReplica, offset >= checkpoint.recoverFrom ?? 0 { return nil }
        if next == nil { next = try RecordSearch(segments: segments).next(after: offset) }
        if next == nil, let goodEnd = checkpoint.recoverFrom, goodEnd > offset, isRecordStart(goodEnd) {
            next = goodEnd
        }
        guard let next else { return nil }
        let damage = RecoveryReport.Damage(file: segment.path, logOffset: offset, bytes: next - offset)
        report.damages.append(damage)
        notices.note(damage)
        return next
    }

    private func isGoodRecord(at offset: Int64, in segment: LogSegment) throws(StoreError) -> Bool {
        guard offset < segment.end else { return false }
        var isGood = false
        try segment.withRecord(at: offset) { bytes in
            if case .record(let header) = RecordHeader.read(bytes, checksBody: true) {
                isGood = header.logOffset == offset
            }
        }
        return isGood
    }

    private mutating func tellProgress(_ offset: Int64) {
        notices.progress.reached(offset)
        guard report.messagesScanned % Self.progressRecords == 0 else { return }
        let now = clock.nowMillis
        guard now - toldMillis >= Self.progressMillis else { return }
        toldMillis = now
        notices.post(.recovering(offset: offset, end: segments.all.last?.end ?? offset))
    }

    private mutating func restore(_ message: DispatchedMessage) throws(StoreError) {
        if queues.isBatchTopic(message.topic) { return }
        if message.logOffset < allFrom,
            !loading.missing.contains(QueuePlace(topic: message.topic, queueId: message.queueId))
        {
            return
        }
        if queues.tombstones.covers(topic: message.topic, logOffset: message.logOffset) { return }
        var queue = queues.queue(topic: message.topic, queueId: message.queueId)
        if message.queueOffset < queue.bounds.min { queue = try emptied(queue) }
        touched[ObjectIdentifier(queue)] = queue
        let bounds = queue.bounds
        let unit = QueueUnit(logOffset: message.logOffset, recordSize: message.size, tagsCode: message.tagsCode)
        // Even after a clean stop: a start that failed half way may have made the file.
        queue.adoptNames()
        // The tags code may differ: queues of delayed messages keep the time there.
        if message.queueOffset < bounds.max, let existing = try queue.read(at: message.queueOffset),
            existing.logOffset == unit.logOffset, existing.recordSize == unit.recordSize
        {
            // What another process wrote may not be on the disk: written again, the next flush sees to it.
            return try queue.rewrite(existing, at: message.queueOffset)
        }
        try queue.add(unit, at: message.queueOffset, nowMillis: toldMillis)
        report.unitsWritten += 1
    }

    /// A queue without its files, as the first of them are lost: the log has records from before those that are there. All
    /// that were made after the lost ones come again from the log.
    private mutating func emptied(_ queue: ConsumeQueue) throws(StoreError) -> ConsumeQueue {
        try queues.remove(queue)
        loading.searched.removeAll { $0 === queue }
        touched[ObjectIdentifier(queue)] = nil
        return queues.queue(topic: queue.topic, queueId: queue.queueId)
    }

    private func isZero(at offset: Int64, in segment: LogSegment) throws(StoreError) -> Bool {
        var word: Int64 = -1
        try segment.withRecord(at: offset) { word = $0.count >= 8 ? $0.bigEndian(Int64.self, at: 0) : 0 }
        return word == 0
    }

    /// Erases what lies behind the end, so that no later recovery takes it for records, and reserves the blocks again.
    private mutating func cut(at end: Int64) throws(StoreError) {
        try StoreError.wrap { () throws(FileSystemError) in
            try segments.dropFiles(from: max(end, segments.minOffset + 1))
        }
        guard let segment = segments.segment(at: end) else { return }
        do throws(FileSystemError) {
            try segment.erase(from: end)
        } catch {
            guard error.kind == .noSpace else { throw StoreError(error) }
            report.unreservedOffset = end
        }
    }
}
