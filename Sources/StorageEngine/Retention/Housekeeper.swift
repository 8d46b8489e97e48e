import NIOConcurrencyHelpers

/// Saves the checkpoint, deletes what is old, watches the disk and lets idle files go. Runs on one thread of its own.
final class Housekeeper: Sendable {
    private struct State {
        var checkpoint: Checkpoint
        var lastCleanMillis: Int64
        var lastCheckpointMillis: Int64
        /// Time the last checkpoint took: a store with many active queues makes fewer.
        var checkpointPauseMillis: Int64
        var level = DiskLevel.normal
        var hasToldOfUnread = false
        var hasToldOfNeeded = false
        var isWaitingForRoom = false
        var isStopped = false
    }

    private let configuration: StoreConfiguration
    private let files: any FileSystem
    private let clock: any StoreClock
    private let log: CommitLog
    private let queues: ConsumeQueueTable
    private let flusher: Flusher
    private let dispatcher: Dispatcher
    private let index: KeyIndex?
    private let checkpointFile: CheckpointFile
    private let boundsFile: QueueBoundsFile
    private let notices: StoreNotices
    private let unreadOffset: (@Sendable () -> Int64?)?
    private let mayDelete: (@Sendable (Int64) -> Bool)?
    private let state: Guarded<State>
    private let removed = NIOLockedValueBox(RemovedSegments())
    // One checkpoint at a time: an older one must not replace a newer one.
    private let saving = NIOLock()
    // The thread of this object and an administrator's request.
    private let cleaning = NIOLock()
    private static let periodMillis: Int64 = 1_000
    private static let checkpointPeriodMillis: Int64 = 3_000
    private static let checkpointPauseMillisMax: Int64 = 60_000
    private static let cleanPeriodMillis: Int64 = 10_000
    /// From so many written queues on, one pass over the whole partition is cheaper than a flush for each.
    private static let flushesMax = 64
    private static let deletedFilesMax = 10

    /// What a housekeeper works on.
    struct Parts {
        let files: any FileSystem
        let clock: any StoreClock
        let log: CommitLog
        let queues: ConsumeQueueTable
        let flusher: Flusher
        let dispatcher: Dispatcher
        let index: KeyIndex?
        let checkpointFile: CheckpointFile
        let boundsFile: QueueBoundsFile
        let notices: StoreNotices
        /// Log offset of the oldest message that a consumer group has not consumed; may read from the disk.
        let unreadOffset: (@Sendable () -> Int64?)?
        /// Whether the owner of the store can do without all records before a log offset; may read from the disk.
        let mayDelete: (@Sendable (Int64) -> Bool)?
    }

    init(configuration: StoreConfiguration, parts: Parts, checkpoint: Checkpoint) {
        self.configuration = configuration
        files = parts.files
        clock = parts.clock
        log = parts.log
        queues = parts.queues
        flusher = parts.flusher
        dispatcher = parts.dispatcher
        index = parts.index
        checkpointFile = parts.checkpointFile
        boundsFile = parts.boundsFile
        notices = parts.notices
        unreadOffset = parts.unreadOffset
        mayDelete = parts.mayDelete
        let now = parts.clock.nowMillis
        state = Guarded(
            State(
                checkpoint: checkpoint, lastCleanMillis: now, lastCheckpointMillis: now,
                checkpointPauseMillis: Self.checkpointPeriodMillis))
    }

    /// Until `stop`.
    func run() {
        while state.wait(timeoutMillis: Self.periodMillis, until: { $0.isStopped ? true : nil }) == nil {
            flusher.expire(before: clock.nowMillis - Int64(configuration.syncFlushTimeoutMillis))
            let now = clock.nowMillis
            let isDue = state.withLock { now - $0.lastCheckpointMillis >= $0.checkpointPauseMillis }
            guard isDue ? step() : attempt(watchDisk) && attempt(writeSome) else { return }
        }
    }

    /// One full round; false when it failed for good, which fences the log.
    func step() -> Bool { attempt(pass) }

    /// A full disk is no failure: the next round tries again.
    private func attempt(_ work: () throws(StoreError) -> Void) -> Bool {
        do throws(StoreError) {
            try work()
            state.withLock { $0.isWaitingForRoom = false }
            return true
        } catch {
            if error.code == .diskFull {
                tell(.waitsForRoom(error), once: \.isWaitingForRoom)
                return true
            }
            log.fence(
                StoreError(.fenced, "keeping the store failed (\(error.message)): the broker takes no messages"))
            return false
        }
    }

    private func pass() throws(StoreError) {
        try watchDisk()
        try saveCheckpoint()
        let now = clock.nowMillis
        let isDue = state.withLock { state in
            guard now - state.lastCleanMillis >= Self.cleanPeriodMillis else { return false }
            state.lastCleanMillis = now
            return true
        }
        if isDue || level >= .critical { try clean(nowMillis: now) }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        state.signal()
    }

    // MARK: Checkpoint

    /// Writes down how far log, queues and index are on disk, when that has moved. The index takes its turn at longer
    /// intervals, and at the end.
    func saveCheckpoint(isLast: Bool = false) throws(StoreError) {
        saving.lock()
        defer { saving.unlock() }
        let started = clock.nowMillis
        var checkpoint = state.withLock { state in
            state.lastCheckpointMillis = started
            return state.checkpoint
        }
        if isLast { try queues.writeAll() } else { try writeSome() }
        // In this order: what is dispatched after the first is not missed by the second.
        let (dispatched, timestampMillis) = dispatcher.progress.withLock { ($0.offset, $0.timestampMillis) }
        let offset = min(dispatched, queues.unwrittenFrom ?? dispatched)
        let indexNote = index?.checkpoint(always: isLast) ?? checkpoint.index
        // Recovery may have changed queues though nothing was dispatched since.
        if checkpoint.recoverFrom == offset, checkpoint.index == indexNote, !queues.hasChanged,
            !boundsFile.needsSaving
        {
            return
        }
        let changed = queues.takeChanged()
        try synchronize(changed.filter { $0.beginCheckpoint() })
        if let failure = flusher.flush() { throw failure }
        boundsFile.save(changed, logOffset: offset) { queues.all }
        checkpoint.recoverFrom = offset
        checkpoint.logTimestampMillis = max(checkpoint.logTimestampMillis, timestampMillis)
        // Apache reads from there; where nothing can be read it had better begin at the start.
        checkpoint.queueTimestampMillis =
            offset < dispatched
            ? log.segments.segment(at: offset)?.storeTimestamp(at: offset) ?? 0
            : max(checkpoint.queueTimestampMillis, timestampMillis)
        checkpoint.confirmOffset = offset
        checkpoint.index = indexNote
        checkpoint.indexTimestampMillis = max(
            checkpoint.indexTimestampMillis, indexNote?.endTimestampMillis ?? 0)
        let saved = checkpoint
        try StoreError.wrap { () throws(FileSystemError) in try checkpointFile.save(saved) }
        let ended = clock.nowMillis
        state.withLock { state in
            state.checkpoint = saved
            state.lastCheckpointMillis = ended
            state.checkpointPauseMillis = min(
                max(Self.checkpointPeriodMillis, (ended - started) * 10), Self.checkpointPauseMillisMax)
        }
    }

    private func writeSome() throws(StoreError) {
        try queues.writeSome(end: dispatcher.progress.withLock { $0.offset })
    }

    /// Makes durable what was written to queues. Each directory is flushed once, however many new files it has.
    private func synchronize(_ unflushed: [ConsumeQueue]) throws(StoreError) {
        if unflushed.count > Self.flushesMax {
            let root = configuration.queueDirectory
            for queue in unflushed { queue.forgetUnflushed() }
            do throws(FileSystemError) {
                try files.synchronizeTree(root)
                try files.synchronizeDirectory(configuration.rootPath)
            } catch {
                throw Self.lostFlush(error)
            }
            return
        }
        var directories: Set<String> = []
        for queue in unflushed { directories.formUnion(try queue.synchronize()) }
        for directory in directories.sorted(by: >) {
            do throws(FileSystemError) {
                try files.synchronizeDirectory(directory)
            } catch {
                // Removed with its topic meanwhile.
                if error.kind != .notFound { throw Self.lostFlush(error) }
            }
        }
    }

    /// A flush that failed is final, whatever the reason: what it was for is not tried again.
    private static func lostFlush(_ error: FileSystemError) -> StoreError { StoreError(.io, "\(error)") }

    // MARK: Disk

    /// Measures the disk, slows producers down or refuses writes, and takes them again when there is room.
    func watchDisk() throws(StoreError) {
        let logEnd = log.state.withLock { $0.writeOffset }
        removed.withLockedValue { $0.giveBackPiece(logEnd: logEnd) }
        // A full disk does not wait for the next round of cleaning.
        if try measureDisk() { try clean(nowMillis: clock.nowMillis) }
    }

    /// True when the disk has become fuller by a level.
    @discardableResult
    func measureDisk() throws(StoreError) -> Bool {
        let used = try usedPercent()
        let (before, level) = state.withLock { state in
            let before = state.level
            state.level = before.after(usedPercent: used, configuration)
            return (before, state.level)
        }
        log.state.withLock { state in
            state.isSlow = level >= .critical
            state.diskRefusal = level == .full ? refusal(used) : nil
        }
        if level != before { notices.post(.disk(level, usedPercent: used)) }
        try reserveTail()
        return level > before
    }

    private func refusal(_ used: Int) -> StoreError {
        StoreError(
            .diskFull,
            "the disk of the commit log is \(used) % full, over diskSpaceWarningLevelRatio="
                + "\(configuration.diskWarningPercent): free some, or let files go earlier (fileReservedTime); messages are "
                + "taken again at \(configuration.diskCleanForciblyPercent) %")
    }

    /// What waits to be given back counts as free; a disk that is nearly full gets all of it at once.
    private func usedPercent() throws(StoreError) -> Int {
        var space = try measuredSpace()
        let waiting = removed.withLockedValue { $0.bytes }
        if waiting == 0 { return space.usedPercent }
        if DiskLevel.normal.after(usedPercent: space.usedPercent, configuration) >= .critical {
            removed.withLockedValue { $0.giveBackAll() }
            return try measuredSpace().usedPercent
        }
        space.availableBytes += Int64(waiting)
        return space.usedPercent
    }

    private func measuredSpace() throws(StoreError) -> DiskSpace {
        try StoreError.wrap { () throws(FileSystemError) in try files.space(at: configuration.logDirectory) }
    }

    /// The rest of the current file has no blocks when the disk was full at the start.
    private func reserveTail() throws(StoreError) {
        let (offset, segment) = log.state.withLock { ($0.unreservedOffset, $0.segment) }
        guard let offset, let segment, offset >= segment.base, offset < segment.end else { return }
        try StoreError.wrap { () throws(FileSystemError) in try segment.reserve(from: offset) }
        log.state.withLock { $0.unreservedOffset = nil }
    }

    // MARK: Retention

    /// Deletes what is older than the retention now, whatever the hour.
    func deleteExpired() throws(StoreError) {
        try clean(nowMillis: clock.nowMillis, isAsked: true)
    }

    private func clean(nowMillis: Int64, isAsked: Bool = false) throws(StoreError) {
        cleaning.lock()
        defer { cleaning.unlock() }
        queues.closeIdle(before: nowMillis - configuration.queueIdleMillis, nowMillis: nowMillis)
        index?.unmapIdle()
        let policy = RetentionPolicy(configuration)
        var deleted = 0
        // Each deletion makes room: measured anew, no more go than must.
        while deleted < Self.deletedFilesMax, let oldest = log.segments.all.first {
            let decision = policy.decide(
                end: oldest.end, modifiedMillis: log.segments.modifiedMillis(of: oldest),
                isNewest: log.segments.all.count < 2, try situation(nowMillis: nowMillis, isAsked: isAsked))
            if decision == .keepUnread { tell(.keptUnread(path: oldest.path), once: \.hasToldOfUnread) }
            guard case .delete(let reason) = decision else { break }
            // After the decision: what was dispatched up to then is in the queues, where the owner looks for its records.
            guard mayDelete?(oldest.end) ?? true else {
                tell(.keptNeeded(path: oldest.path), once: \.hasToldOfNeeded)
                break
            }
            guard try drop(oldest, reason) else { break }
            deleted += 1
        }
        if deleted == 0 { return }
        let start = log.segments.minOffset
        for queue in queues.all { try queue.raiseMin(toLogOffset: start) }
        try queues.tombstones.forget(before: start)
        try index?.removeFiles(before: start)
    }

    private func situation(nowMillis: Int64, isAsked: Bool) throws(StoreError) -> RetentionPolicy.Situation {
        let used = try usedPercent()
        let level = state.withLock { $0.level.after(usedPercent: used, configuration) }
        return RetentionPolicy.Situation(
            level: level, isDeleteHour: isAsked || configuration.isDeleteHour(clock.localHour), nowMillis: nowMillis,
            logBytes: Int64(log.segments.all.count) * Int64(log.segments.fileBytes),
            dispatchedOffset: dispatcher.progress.withLock { $0.offset },
            unreadOffset: level >= .critical && !configuration.deletesUnread ? unreadOffset?() : nil)
    }

    private func drop(_ oldest: LogSegment, _ reason: RetentionReason) throws(StoreError) -> Bool {
        // So that the next start need not read the whole log for them. On a full disk it will.
        try? queues.writeAll(before: oldest.end)
        let dropped = try StoreError.wrap { () throws(FileSystemError) in try log.segments.dropOldest() }
        guard let dropped else { return false }
        removed.withLockedValue { $0.add(dropped) }
        state.withLock { state in
            state.hasToldOfUnread = false
            state.hasToldOfNeeded = false
        }
        notices.post(.deleted(path: dropped.path, reason: reason))
        return true
    }

    /// Tells of something that goes on for a while; not again before the flag is taken back.
    private func tell(_ event: StoreEvent, once flag: WritableKeyPath<State, Bool>) {
        let isNew = state.withLock { state in
            defer { state[keyPath: flag] = true }
            return !state[keyPath: flag]
        }
        if isNew { notices.post(event) }
    }

    /// The disk's level as last measured.
    var level: DiskLevel { state.withLock { $0.level } }
}

extension StoreConfiguration {
    /// Whether an hour of the day is one of `deleteWhen`.
    func isDeleteHour(_ hour: Int) -> Bool {
        deleteHours.split(separator: ";").contains { Int($0.filter { !$0.isWhitespace }) == hour }
    }
}
