import MessageModel
import NIOConcurrencyHelpers
import NIOCore

/// The storage engine: a commit log that is the only truth, and consume queues derived from it, in Apache's files.
///
/// `append` may be called from any thread, and waits for the disk only where what was made ready ahead of it is used up.
/// Threads of the store's own flush, dispatch and keep house, or its owner does by calling the steps. Nothing is readable
/// before its durability point.
package final class MessageStore: Sendable {
    let configuration: StoreConfiguration
    private let files: any FileSystem
    let clock: any StoreClock
    let segments: LogSegments
    let queues: ConsumeQueueTable
    let index: KeyIndex?
    let log: CommitLog
    private let flusher: Flusher
    private let preparer: LogPreparer
    private let boundsFile: QueueBoundsFile
    let notices = StoreNotices()
    let residentStretches = NIOLockedValueBox(ResidentStretches())
    private let life = NIOLockedValueBox(Life())

    private struct Life {
        var observer: Dispatcher.Observer?
        var unreadOffset: (@Sendable () -> Int64?)?
        var mayDelete: (@Sendable (Int64) -> Bool)?
        var report: RecoveryReport?
        var dispatcher: Dispatcher?
        var housekeeper: Housekeeper?
        var lock: (any FileLock)?
        /// Flush, dispatch and housekeeping, when they have threads.
        var threads: StoreThreads?
    }

    /// A store that is not open yet.
    package init(configuration: StoreConfiguration, fileSystem: any FileSystem, clock: any StoreClock) {
        self.configuration = configuration
        self.files = fileSystem
        self.clock = clock
        segments = LogSegments(
            files: fileSystem, directory: configuration.logDirectory, root: configuration.rootPath,
            fileBytes: configuration.commitLogFileBytes, readsAhead: configuration.readsAhead)
        queues = ConsumeQueueTable(files: fileSystem, configuration: configuration, notices: notices)
        boundsFile = QueueBoundsFile(files: fileSystem, configuration: configuration)
        index = KeyIndex(
            files: fileSystem, configuration: configuration, segments: segments, clock: clock, notices: notices)
        let isSynchronous = configuration.flushMode == .synchronous
        log = CommitLog(
            segments: segments, backlogMax: configuration.dispatchBacklogMax, isSynchronous: isSynchronous,
            notices: notices)
        flusher = Flusher(log: log, isSynchronous: isSynchronous, intervalMillis: configuration.flushIntervalMillis)
        preparer = LogPreparer(
            log: log, isSynchronous: isSynchronous, fastBytesPerSecond: configuration.fastLogBytesPerSecond,
            clock: clock)
    }

    /// Sets who is told of messages that became readable: in log order, on the dispatch thread. Before `open`.
    package func setDispatchObserver(_ observer: @escaping @Sendable ([DispatchedMessage]) -> Void) {
        life.withLockedValue { $0.observer = observer }
    }

    /// Sets who is told what an operator should know, on any of the store's threads. Before `open`.
    package func setEventObserver(_ observer: @escaping @Sendable (StoreEvent) -> Void) {
        notices.setObserver(observer)
    }

    /// Sets what tells the log offset of the oldest message that a consumer group has not consumed yet, nil when all is
    /// consumed. Asked on the housekeeping thread, when the disk is nearly full. Before `open`.
    package func setUnreadOffset(_ unread: @escaping @Sendable () -> Int64?) {
        life.withLockedValue { $0.unreadOffset = unread }
    }

    /// Sets who is asked before a file of the log is deleted, whatever the reason: whether all records before the log
    /// offset, the file's end, may go. After a no the file stays, and is asked for again in a later round. Asked on the
    /// housekeeping thread or an administrator's; must not wait for an append. Before `open`.
    package func setDeletionCheck(_ mayDelete: @escaping @Sendable (_ end: Int64) -> Bool) {
        life.withLockedValue { $0.mayDelete = mayDelete }
    }

    // MARK: Opening and closing

    /// Takes the directory, recovers it and starts the threads, if it is to have some.
    package func open(driving: StoreDriving = .threads) throws(StoreError) -> RecoveryReport {
        let root = configuration.rootPath
        try StoreError.wrap { () throws(FileSystemError) in try files.makeDirectories(root) }
        let lock = try Self.takeLock(root + "/lock", files: files)
        let wasClean = !files.exists(root + "/abort")
        try segments.load()
        try queues.tombstones.load()
        let (checkpointFile, checkpoint) = try StoreError.wrap { () throws(FileSystemError) in
            let file = try CheckpointFile(files: files, path: root + "/checkpoint")
            return (file, try file.load())
        }
        if let version = checkpoint.newerFormat {
            throw StoreError(
                .refused,
                "the store in \(root) has format \(version), written by a newer version of this program; this one reads "
                    + "format \(Checkpoint.format): start it with the newer version")
        }
        var recovery = Recovery(
            configuration: configuration, files: files, segments: segments, queues: queues, boundsFile: boundsFile,
            checkpoint: checkpoint, wasClean: wasClean, clock: clock, notices: notices)
        try recovery.run { [self] marked throws(StoreError) in
            // Before the checkpoint: to a clean stop it would be the end of the log.
            try markOpen()
            try StoreError.wrap { () throws(FileSystemError) in try checkpointFile.save(marked) }
        }
        try StoreError.wrap { () throws(FileSystemError) in try segments.forgetLostPages() }
        try index?.open(
            KeyIndex.Start(wasClean: wasClean, checkpoint: checkpoint, logEnd: recovery.report.logEnd))
        life.withLockedValue { $0.report = recovery.report }
        let newest = max(recovery.newestTimestampMillis, checkpoint.logTimestampMillis)
        log.start(
            at: recovery.report.logEnd, newestTimestampMillis: newest,
            unreservedOffset: recovery.report.unreservedOffset)
        try start(
            lock: lock, checkpointFile: checkpointFile, checkpoint: checkpoint, logEnd: recovery.report.logEnd,
            newestTimestampMillis: newest, driving: driving)
        return recovery.report
    }

    /// Notes that the store is open: until a clean stop.
    private func markOpen() throws(StoreError) {
        try StoreError.wrap { () throws(FileSystemError) in
            let abort = try files.openFile(
                configuration.rootPath + "/abort", mode: .create(size: 0, reserve: false))
            try abort.replace(with: String(configuration.processId))
            try files.synchronizeDirectory(configuration.rootPath)
        }
    }

    static func takeLock(_ path: String, files: any FileSystem) throws(StoreError) -> any FileLock {
        do throws(FileSystemError) {
            return try files.lock(path)
        } catch {
            guard error.kind == .locked else { throw StoreError(error) }
            throw StoreError(
                .refused,
                "another process uses the store (\(path) is locked): stop it, or give this broker its own storePathRootDir"
            )
        }
    }

    private func start(
        lock: any FileLock, checkpointFile: CheckpointFile, checkpoint: Checkpoint, logEnd: Int64,
        newestTimestampMillis: Int64, driving: StoreDriving
    ) throws(StoreError) {
        try markOpen()
        let dispatcher = Dispatcher(
            log: log, index: index, isSynchronous: configuration.flushMode == .synchronous, clock: clock,
            observer: life.withLockedValue { $0.observer }, notices: notices)
        dispatcher.progress.withLock { progress in
            progress.offset = logEnd
            progress.timestampMillis = newestTimestampMillis
        }
        let housekeeper = Housekeeper(
            configuration: configuration,
            parts: Housekeeper.Parts(
                files: files, clock: clock, log: log, queues: queues, flusher: flusher, dispatcher: dispatcher,
                index: index, checkpointFile: checkpointFile, boundsFile: boundsFile, notices: notices,
                unreadOffset: life.withLockedValue { $0.unreadOffset },
                mayDelete: life.withLockedValue { $0.mayDelete }), checkpoint: checkpoint)
        try housekeeper.measureDisk()
        let threads =
            driving == .threads
            ? try StoreThreads(
                flusher: flusher, dispatcher: dispatcher, housekeeper: housekeeper, preparer: preparer, index: index)
            : nil
        life.withLockedValue { life in
            life.lock = lock
            life.dispatcher = dispatcher
            life.housekeeper = housekeeper
            life.threads = threads
        }
    }

    /// Takes no more messages, dispatches and flushes what there is, and marks the stop as clean when it is.
    package func close() throws(StoreError) {
        let life = life.withLockedValue { life in
            let taken = life
            life = Life()
            life.report = taken.report
            return taken
        }
        guard let housekeeper = life.housekeeper, let dispatcher = life.dispatcher else { return }
        log.state.withLock { $0.isClosed = true }
        log.state.signalAll()
        if let threads = life.threads {
            threads.join(log: log, index: index, housekeeper: housekeeper)
        } else {
            flusher.step()
            while dispatcher.step() {}
        }
        if let failure = log.state.withLock({ $0.refusal }) ?? dispatcher.progress.withLock({ $0.failure }) {
            throw failure
        }
        try housekeeper.saveCheckpoint(isLast: true)
        try StoreError.wrap { () throws(FileSystemError) in
            try segments.dropPrepared()
            try files.remove(configuration.rootPath + "/abort")
            try files.synchronizeDirectory(configuration.rootPath)
        }
        withExtendedLifetime(life.lock) {}
    }

    // MARK: Steps, for a store without threads

    /// Flushes what is appended now and completes who waits for it: the turn of the flush thread.
    package func flushStep() { flusher.step() }

    /// Puts what is past its durability point into the queues and tells the observer: the turn of the dispatch thread.
    /// False when there was nothing to do or dispatch has failed.
    @discardableResult
    package func dispatchStep() -> Bool { life.withLockedValue { $0.dispatcher }?.step() ?? false }

    /// Saves the checkpoint, looks at the disk and deletes what is old: the turn of the housekeeping thread, each few
    /// seconds. False when that failed, which fences the store.
    @discardableResult
    package func housekeepingStep() -> Bool {
        preparer.step()
        return life.withLockedValue { $0.housekeeper }?.step() ?? false
    }

    /// Answers sends that wait for the disk without asking it: the mistake that the simulator must catch.
    package func acknowledgeUnflushed() { flusher.completeUnflushed() }

    // MARK: Appending

    /// Appends a message. With ASYNC_FLUSH the completion has run when this returns; with SYNC_FLUSH it runs on the
    /// flush thread, as it does when the message must be durable: then it waits for the disk for as long as that takes.
    package func append(
        _ message: StoreMessage, isDurable: Bool = false, completion: @escaping @Sendable (AppendOutcome) -> Void
    ) {
        do throws(StoreError) {
            complete(try append(message, isDurable: isDurable), completion)
        } catch {
            completion(.failed(error))
        }
    }

    /// Appends a message; `complete` tells when one is stored that is not done by then. Senders have this on their hot
    /// path: a completion that nobody waits for costs as much as counting a reference that all threads share.
    package func append(_ message: StoreMessage, isDurable: Bool = false) throws(StoreError) -> PlacedMessage {
        // No array for a lone message.
        var record = CollectionOfOne(try encode(message))
        return placed(try place(&record, of: message), isDurable: isDurable)
    }

    /// Completes an append at its durability point, which may be now.
    package func complete(_ placed: PlacedMessage, _ completion: @escaping @Sendable (AppendOutcome) -> Void) {
        if placed.isDone { return completion(.stored(placed.receipt)) }
        flusher.wait(
            Flusher.Waiter(
                end: placed.receipt.logOffset + Int64(placed.receipt.size), receipt: placed.receipt,
                sinceMillis: placed.isDurable ? .max : clock.nowMillis, completion: completion))
    }

    private func placed(_ receipt: AppendReceipt, isDurable: Bool) -> PlacedMessage {
        let waits = isDurable || configuration.flushMode == .synchronous || log.isSlow
        return PlacedMessage(receipt: receipt, isDurable: isDurable, isDone: !waits)
    }

    /// Appends messages of one queue next to each other, all or none.
    package func appendBatch(
        _ messages: some Collection<StoreMessage>, completion: @escaping @Sendable (AppendOutcome) -> Void
    ) {
        do throws(StoreError) {
            complete(placed(try place(messages), isDurable: false), completion)
        } catch {
            completion(.failed(error))
        }
    }

    private func place(_ messages: some Collection<StoreMessage>) throws(StoreError) -> AppendReceipt {
        guard let first = messages.first else { throw StoreError(.illegalMessage, "the batch is empty") }
        var records: [EncodedRecord] = []
        records.reserveCapacity(messages.count)
        var total = 0
        for message in messages {
            guard message.topic == first.topic, message.queueId == first.queueId else {
                throw StoreError(.illegalMessage, "the messages of a batch must be of one queue")
            }
            let record = try encode(message)
            total += record.size
            records.append(record)
        }
        if records.count > 1, total > configuration.messageBytesMax {
            throw StoreError(
                .messageTooLarge, "the batch has \(total) bytes, over the limit of \(configuration.messageBytesMax)")
        }
        return try place(&records, of: first)
    }

    private func encode(_ message: StoreMessage) throws(StoreError) -> EncodedRecord {
        try EncodedRecord(
            message, messageBytesMax: configuration.messageBytesMax, delayLevels: configuration.delayLevels)
    }

    private func place(
        _ records: inout some MutableCollection<EncodedRecord>, of first: StoreMessage
    ) throws(StoreError) -> AppendReceipt {
        guard first.queueId >= 0 else { throw StoreError(.illegalMessage, "queue \(first.queueId) does not exist") }
        let queue = try queues.queueForAppend(topic: first.topic, queueId: first.queueId)
        var light: ConsumeQueue?
        if let name = first.lightQueue {
            guard records.count == 1, LiteTopicName(queueName: name)?.parent == first.topic else {
                throw StoreError(.illegalMessage, "\(name) is no light queue for the message")
            }
            light = queues.queue(topic: name, queueId: LiteTopicName.queueID)
        }
        return try log.append(&records, topic: first.topic, queue: queue, light: light, nowMillis: clock.nowMillis)
    }

    /// Makes everything appended so far durable, whatever the flush mode; waits for the disk.
    package func synchronize() throws(StoreError) {
        if let failure = flusher.flush() { throw failure }
    }

    // MARK: Reading

    /// Appends records of a queue to `buffer`, from an offset on, as long as they fit the limits and pass `matching`
    /// (which gets the tags code) and `accepting` (which gets the record). The first record may be larger than
    /// `maxBytes`.
    package func read(
        topic: String, queueId: Int32, from: Int64, maxCount: Int, maxBytes: Int, into buffer: inout ByteBuffer,
        matching: ((Int64) -> Bool)? = nil, accepting: ((UnsafeRawBufferPointer) -> Bool)? = nil
    ) -> ReadResult {
        guard let queue = queues.find(topic: topic, queueId: queueId) else {
            return ReadResult(status: .noMatchedLogicQueue, nextOffset: 0, minOffset: 0, maxOffset: 0, records: [])
        }
        let bounds = queue.bounds
        var result = ReadResult(
            status: .found, nextOffset: from, minOffset: bounds.min, maxOffset: bounds.max, records: [])
        if bounds.max == 0 {
            result.status = .noMessageInQueue
            result.nextOffset = 0
        } else if from < bounds.min {
            result.status = .offsetTooSmall
            result.nextOffset = bounds.min
        } else if from == bounds.max {
            result.status = .offsetOverflowOne
        } else if from > bounds.max {
            result.status = .offsetOverflowBadly
            result.nextOffset = bounds.max
        } else {
            QueueReader(segments: segments, queue: queue, maxCount: maxCount, maxBytes: maxBytes, notices: notices)
                .read(&result, into: &buffer, matching: matching, accepting: accepting)
        }
        return result
    }

    /// Appends the record at a log offset to `buffer`; false when there is none, or when it cannot be read now.
    package func readRecord(logOffset: Int64, size: Int32? = nil, into buffer: inout ByteBuffer) -> Bool {
        (try? loadRecord(logOffset: logOffset, size: size, into: &buffer)) ?? false
    }

    /// No record behind it may be read: with SYNC_FLUSH what is not on the disk, with SYNC_MASTER what no replica has.
    var readableEnd: Int64 { log.state.withLock { $0.readableEnd(isSynchronous: log.isSynchronous) } }

    /// First offset of a queue; 0 for one that does not exist.
    package func minOffset(topic: String, queueId: Int32) -> Int64 {
        queues.find(topic: topic, queueId: queueId)?.bounds.min ?? 0
    }

    /// The offset after the last readable message; 0 for a queue that does not exist.
    package func maxOffset(topic: String, queueId: Int32) -> Int64 {
        queues.find(topic: topic, queueId: queueId)?.bounds.max ?? 0
    }

    /// Store time of the message at an offset, milliseconds since 1970.
    package func storeTimestamp(topic: String, queueId: Int32, queueOffset: Int64) -> Int64? {
        guard let queue = queues.find(topic: topic, queueId: queueId) else { return nil }
        let bounds = queue.bounds
        guard queueOffset >= bounds.min, queueOffset < bounds.max,
            let unit = try? queue.read(at: queueOffset), unit.isMessage
        else { return nil }
        return segments.segment(at: unit.logOffset)?.storeTimestamp(at: unit.logOffset)
    }

    /// Log offset of the message at an offset of a queue; nil when there is none.
    package func logOffset(topic: String, queueId: Int32, queueOffset: Int64) -> Int64? {
        guard let queue = queues.find(topic: topic, queueId: queueId) else { return nil }
        let bounds = queue.bounds
        guard queueOffset >= bounds.min, queueOffset < bounds.max, let unit = try? queue.read(at: queueOffset),
            unit.isMessage
        else { return nil }
        return unit.logOffset
    }

    /// The queues of a topic that a message was ever stored in.
    package func queueIds(topic: String) -> [Int32] { queues.queueIds(topic: topic) }

    /// Start of the oldest log file.
    package var minLogOffset: Int64 { segments.minOffset }
    /// End of the log.
    package var maxLogOffset: Int64 { log.state.withLock { $0.writeOffset } }
    /// Everything before is on the disk.
    package var flushedLogOffset: Int64 { log.state.withLock { $0.flushedOffset } }
    /// Appended bytes not yet in the consume queues.
    package var dispatchBehindBytes: Int64 {
        guard let dispatcher = life.withLockedValue({ $0.dispatcher }) else { return 0 }
        return maxLogOffset - dispatcher.progress.withLock { $0.offset }
    }
    /// Waits until everything before a log offset is in the consume queues; false when that does not come to pass.
    func waitUntilDispatched(_ offset: Int64, timeoutMillis: Int64) -> Bool {
        guard let dispatcher = life.withLockedValue({ $0.dispatcher }) else { return false }
        return dispatcher.waitUntilDispatched(offset, timeoutMillis: timeoutMillis)
    }
    /// Why no message is taken at the moment; nil when all is well.
    package var writeRefusal: StoreError? {
        log.state.withLock { state in
            if let refusal = state.refusal { return refusal }
            if state.isClosed { return StoreError(.shutdown, "the store is closed") }
            return state.diskRefusal ?? state.dispatchRefusal
        }
    }
    /// The files of the log.
    var logSegments: LogSegments { segments }
    /// What the last `open` found.
    var recoveryReport: RecoveryReport? { life.withLockedValue { $0.report } }
    /// The status, with a sentence when it is not well.
    var statusNow: (StoreHealth.Status, String?) {
        let isOpen = life.withLockedValue { $0.dispatcher != nil }
        return log.state.withLock { state in
            if let refusal = state.refusal { return (.readOnly, refusal.message) }
            if !isOpen || state.isClosed { return (.closed, nil) }
            if let refusal = state.diskRefusal ?? state.dispatchRefusal { return (.diskFull, refusal.message) }
            return state.isSlow ? (.slow, "the disk is nearly full: sends wait for the disk") : (.ok, nil)
        }
    }
    /// Used part of the log's partition in percent.
    package var diskUsedPercent: Int? { logSpace?.usedPercent }
    /// Room on the log's partition; nil when the system does not tell.
    package var logSpace: DiskSpace? { try? files.space(at: configuration.logDirectory) }
    /// Appended bytes that are not on the disk yet.
    package var flushBehindBytes: Int64 { log.state.withLock { max(0, $0.writeOffset - $0.flushedOffset) } }
    /// When the oldest message in the log was stored, milliseconds since 1970; nil for an empty log.
    package var earliestStoreMillis: Int64? {
        let start = segments.minOffset
        return segments.segment(at: start)?.storeTimestamp(at: start)
    }

    /// What the consume queue holds from an offset on, at most `count` entries.
    package func queueEntries(topic: String, queueId: Int32, from: Int64, count: Int) -> [RecordSlot] {
        guard let queue = queues.find(topic: topic, queueId: queueId) else { return [] }
        let bounds = queue.bounds
        let end = min(bounds.max, from.addingReportingOverflow(Int64(max(0, count))).partialValue)
        guard from >= bounds.min, from < end else { return [] }
        return (from..<end).compactMap { offset in
            guard let unit = try? queue.read(at: offset), unit.isMessage else { return nil }
            return RecordSlot(
                queueOffset: offset, logOffset: unit.logOffset, size: unit.recordSize, tagsCode: unit.tagsCode,
                range: 0..<0)
        }
    }

    /// Topics that have queues.
    package var queueTopics: Set<String> { queues.topicNames }

    /// Takes entries out of the queues whose records went with their log file.
    package func trimQueues() throws(StoreError) {
        let start = segments.minOffset
        for queue in queues.all { try queue.raiseMin(toLogOffset: start) }
    }

    /// Deletes log files older than the retention now, whatever the hour; false when the store is closed.
    package func deleteExpired() throws(StoreError) -> Bool {
        guard let housekeeper = life.withLockedValue({ $0.housekeeper }) else { return false }
        try housekeeper.deleteExpired()
        return true
    }

    /// Removes the queues of a topic; its records stay in the log until they are old.
    ///
    /// Waits for the disk: when it returns, no later recovery takes these records for those of a new topic of that name.
    package func deleteTopic(_ topic: String) throws(StoreError) {
        guard ConsumeQueueTable.isDirectoryName(topic) else {
            throw StoreError(.illegalMessage, "no topic can have the name \(topic)")
        }
        _ = try queues.delete {
            // Under the append lock: what was appended to the old queues lies before the end, what comes later behind it.
            log.state.withLock { state in
                queues.detach(topic: topic)
                return ([topic], state.writeOffset)
            }
        }
    }
}
