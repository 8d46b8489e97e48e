import NIOConcurrencyHelpers

/// Saves the checkpoint, deletes what is old, watches the disk and lets idle files go. Runs on one thread of its own.
final class Housekeeper: Sendable {
    private struct State {
        var checkpoint: Checkpoint
        var lastCleanMillis: Int64
        var isStopped = false
    }

    private let configuration: StoreConfiguration
    private let files: any FileSystem
    private let clock: any StoreClock
    private let log: CommitLog
    private let queues: ConsumeQueueTable
    private let flusher: Flusher
    private let dispatcher: Dispatcher
    private let checkpointFile: CheckpointFile
    private let state: Guarded<State>
    // One checkpoint at a time: an older one must not replace a newer one.
    private let saving = NIOLock()
    private static let periodMillis: Int64 = 3_000
    private static let cleanPeriodMillis: Int64 = 10_000
    private static let deletedFilesMax = 10

    init(
        configuration: StoreConfiguration, files: any FileSystem, clock: any StoreClock, log: CommitLog,
        queues: ConsumeQueueTable, flusher: Flusher, dispatcher: Dispatcher, checkpointFile: CheckpointFile,
        checkpoint: Checkpoint
    ) {
        self.configuration = configuration
        self.files = files
        self.clock = clock
        self.log = log
        self.queues = queues
        self.flusher = flusher
        self.dispatcher = dispatcher
        self.checkpointFile = checkpointFile
        state = Guarded(State(checkpoint: checkpoint, lastCleanMillis: clock.nowMillis))
    }

    /// Until `stop`.
    func run() {
        while state.wait(timeoutMillis: Self.periodMillis, until: { $0.isStopped ? true : nil }) == nil {
            guard step() else { return }
        }
    }

    /// One round; false when it failed, which fences the log.
    func step() -> Bool {
        do throws(StoreError) {
            try pass()
            return true
        } catch {
            log.fence(
                StoreError(.fenced, "keeping the store failed (\(error.message)): the broker takes no messages"))
            return false
        }
    }

    private func pass() throws(StoreError) {
        try saveCheckpoint()
        try checkDisk()
        let now = clock.nowMillis
        let isDue = state.withLock { state in
            guard now - state.lastCleanMillis >= Self.cleanPeriodMillis else { return false }
            state.lastCleanMillis = now
            return true
        }
        if isDue { try clean(nowMillis: now) }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        state.signal()
    }

    /// Writes down how far log and queues are on disk, when that has moved.
    func saveCheckpoint() throws(StoreError) {
        saving.lock()
        defer { saving.unlock() }
        let (offset, timestampMillis) = dispatcher.progress.withLock { ($0.offset, $0.timestampMillis) }
        var checkpoint = state.withLock { $0.checkpoint }
        if checkpoint.recoverFrom == offset { return }
        for queue in queues.all { try queue.synchronize() }
        if let failure = flusher.flush() { throw failure }
        checkpoint.recoverFrom = offset
        checkpoint.logTimestampMillis = max(checkpoint.logTimestampMillis, timestampMillis)
        checkpoint.queueTimestampMillis = max(checkpoint.queueTimestampMillis, timestampMillis)
        checkpoint.confirmOffset = offset
        let saved = checkpoint
        try StoreError.wrap { () throws(FileSystemError) in try checkpointFile.save(saved) }
        state.withLock { $0.checkpoint = saved }
    }

    /// Refuses writes above the warning level; takes them again at the forcible one.
    func checkDisk() throws(StoreError) {
        let used = try StoreError.wrap { () throws(FileSystemError) in
            try files.space(at: configuration.logDirectory).usedPercent
        }
        log.state.withLock { state in
            if used > configuration.diskWarningPercent {
                state.diskIsFull = true
            } else if used <= configuration.diskCleanForciblyPercent {
                state.diskIsFull = false
            }
        }
    }

    private func clean(nowMillis: Int64) throws(StoreError) {
        for queue in queues.all { queue.closeIfIdle(before: nowMillis - configuration.queueIdleMillis) }
        let used = try StoreError.wrap { () throws(FileSystemError) in
            try files.space(at: configuration.logDirectory).usedPercent
        }
        let isHour = configuration.isDeleteHour(nowMillis: nowMillis)
        let isForced = configuration.cleanForcibly && used > configuration.diskCleanForciblyPercent
        guard isHour || used > configuration.diskUsedPercentMax else { return }
        let expiry = nowMillis - Int64(configuration.retentionHours) * 3_600_000
        var deleted = 0
        while deleted < Self.deletedFilesMax, log.segments.all.count > 1, let oldest = log.segments.all.first {
            let isOld = log.segments.modifiedMillis(of: oldest).map { $0 <= expiry } ?? false
            guard isOld || isForced else { break }
            try StoreError.wrap { () throws(FileSystemError) in _ = try log.segments.dropOldest() }
            deleted += 1
        }
        if deleted == 0 { return }
        let start = log.segments.minOffset
        for queue in queues.all { try queue.raiseMin(toLogOffset: start) }
    }
}

extension StoreConfiguration {
    /// Whether the hour of the day (UTC) is one of `deleteWhen`.
    func isDeleteHour(nowMillis: Int64) -> Bool {
        let hour = Int(nowMillis / 3_600_000 % 24)
        return deleteHours.split(separator: ";").contains { Int($0.filter { !$0.isWhitespace }) == hour }
    }
}
