import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine
import Synchronization

/// Delivers delayed messages: one thread that copies each into its topic when it is due.
///
/// What waits lies in the commit log, in the queues of the schedule topic and of the timer topic. What is delivered is known
/// by an offset for each level, and by an offset and a time for the timers. This progress is saved about once a second, and
/// only after the copies are on the disk: a power failure may deliver twice but never loses. After a crash the copies behind
/// the saved point are found in the log, and nothing is delivered twice that the log still holds.
///
/// Times are those of the wall clock. A clock that is set back delays timers by as much, and levels not at all; one that is
/// set forward makes due what lies between, as the messages themselves say when they are due.
///
/// ``recover()`` once the store is open, ``start()``, ``stop()`` before the store closes and ``saveAtEnd()`` after.
/// Without `start` the owner drives ``pass()``, as tests do.
package final class DelayService: Sendable {
    struct State {
        var levels: [DelayLevelQueue] = []
        var timers = TimerIndex(from: TimerIndex.Progress())
        /// Something came into the timer topic, or was not read yet.
        var mustReadTimers = true
        /// When to read it again, as the disk gave nothing.
        var readTimersAtMillis: Int64?
        /// The message of it that the operator was told of.
        var unreadableTimer: Int64?
        var nextSweepMillis: Int64 = 0
        var timerTopics = TimerTopics()
        var traffic = TimerTraffic(nowMillis: 0)
        var copies = DeliveredCopies()
        /// Until when copies may have been written before a crash; nil once that is dealt with.
        var catchUpMillis: Int64?
        /// How far the timer topic must be read to know all that was there at the start.
        var timersEnd: Int64 = 0
        var progress = DelayProgress()
        var isDirty = false
        /// Taken when nothing was under way; saved once the log is durable up to its offset.
        var candidate: DelayProgress?
        var nextSaveMillis: Int64 = 0
        /// Levels into whose queues something came.
        var arrivedLevels: Set<Int32> = []
        /// Until when the thread pauses; far in the past while it does not.
        var pausesUntilMillis = Int64.min
        var isStopped = false
    }

    let settings: DelaySettings
    let store: MessageStore
    let nowMillis: @Sendable () -> Int64
    let logger: Logger
    let state = NIOLockedValueBox(State())
    private let file: RegistryFile
    private let runSave: @Sendable (@escaping @Sendable () -> Void) -> Void
    let appendOne: Append
    private let thread = PausingThread(name: "delay")
    private let pendingTimers = Atomic<Int>(0)
    /// Where the log ended when the progress was asked to be saved; written by the dispatch thread alone.
    private let progressLogOffset = Atomic<Int64>(0)
    private let files: any RegistryStorage

    /// Appends a message to the store; the completion runs on any thread.
    package typealias Append =
        @Sendable (_ message: StoreMessage, _ completion: @escaping @Sendable (AppendOutcome) -> Void) -> Void

    /// How long the thread pauses at most while something waits, so that a clock that is set forward is noticed.
    private static let pauseMillisMax: Int64 = 1_000
    /// Time between two saves of the progress.
    private static let saveIntervalMillis: Int64 = 1_000
    /// The most of the log that a start after a crash reads in search of copies, give or take what is written in a second.
    static let unreadBytesMax: Int64 = 64 << 20
    /// Time after which a copy that could not be written is tried again.
    static let retryMillis: Int64 = 100

    /// A service over a store that is not open yet. `runSave` runs what writes the progress, elsewhere as a rule; `append`
    /// takes the place of the store's own in a store without threads.
    package init(
        settings: DelaySettings, store: MessageStore, files: any RegistryStorage,
        runSave: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void, append: Append? = nil,
        nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.runSave = runSave
        appendOne = append ?? { store.append($0, completion: $1) }
        self.nowMillis = nowMillis
        self.logger = logger
        self.files = files
        file = RegistryFile(DelayProgress.fileName, in: files, logger: logger)
    }

    // MARK: Life

    /// Reads the progress and finds out what was delivered after it was saved.
    package func recover() throws(BrokerError) {
        let progress = try file.load { json throws(ModelError) in try DelayProgress(json: json) } ?? DelayProgress()
        var levels: [DelayLevelQueue] = []
        for level in 1...settings.levels.levelMax {
            var queue = DelayLevelQueue(
                level: level, delayMillis: settings.levels.delayMillis(level), nextOffset: progress.offsets[level] ?? 0)
            // A power failure may have taken messages from the end of the queue; others will get their offsets.
            queue.correct(
                minOffset: store.minOffset(topic: NameRules.scheduleTopic, queueId: queue.queueID),
                maxOffset: store.maxOffset(topic: NameRules.scheduleTopic, queueId: queue.queueID))
            levels.append(queue)
        }
        var copies = DeliveredCopies()
        if let logOffset = progress.logOffset { copies = try deliveredCopies(from: logOffset) }
        progressLogOffset.store(progress.logOffset ?? store.maxLogOffset, ordering: .relaxed)
        let timers = timerStart(progress)
        state.withLockedValue { state in
            state.levels = levels
            state.timers = TimerIndex(from: timers)
            state.traffic = TimerTraffic(nowMillis: nowMillis())
            state.progress = progress
            state.copies = copies
            state.timersEnd = store.maxOffset(topic: NameRules.timerTopic, queueId: 0)
            if !copies.isEmpty { state.catchUpMillis = nowMillis() }
        }
        // From here on copies can be told apart, also when nothing else is saved before a crash.
        if progress.logOffset == nil || progress.timers == nil { saveAtEnd() }
    }

    /// The delivered copies in the log from an offset on.
    private func deliveredCopies(from start: Int64) throws(BrokerError) -> DeliveredCopies {
        var copies = DeliveredCopies()
        var from = start
        var buffer = ByteBuffer()
        do throws(StoreError) {
            while let offset = try store.nextRecord(from: from, into: &buffer) {
                if let record = try? MessageRecord(buffer), let message = DelayedMessage(record),
                    message.isDeliveredCopy
                {
                    copies.insert(message.identity)
                }
                from = offset + Int64(buffer.readableBytes)
                buffer.clear()
            }
        } catch {
            throw BrokerError(
                .store,
                "the log at \(from) cannot be read, which says what delayed messages are delivered: start again, and "
                    + "restore the disk if it stays like that", cause: error)
        }
        return copies
    }

    /// Starts the thread.
    func start() -> Bool {
        thread.start { [self] in pass() }
    }

    /// Ends the thread. What is due later waits for the next start.
    func stop() {
        state.withLockedValue { $0.isStopped = true }
        thread.stop()
    }

    /// Saves the progress as it is while nothing is under way: after the store was closed in good order.
    package func saveAtEnd() {
        guard state.withLockedValue({ $0.catchUpMillis == nil }) else { return }
        save(state.withLockedValue { $0.takeProgress(logOffset: store.maxLogOffset, nowMillis: nowMillis()) })
    }

    /// Tells of messages that became readable.
    package func messagesArrived(_ messages: [DispatchedMessage]) {
        var levels: Set<Int32> = []
        var hasTimers = false
        for message in messages {
            if message.topic == NameRules.scheduleTopic {
                levels.insert(message.queueId + 1)
            } else if message.topic == NameRules.timerTopic {
                hasTimers = true
            }
        }
        let mustSave = isProgressOld(messages)
        guard hasTimers || mustSave || !levels.isEmpty else { return }
        let mustWake = state.withLockedValue { state in
            state.arrivedLevels.formUnion(levels)
            if hasTimers { state.mustReadTimers = true }
            if mustSave { state.isDirty = true }
            let isPausing = state.pausesUntilMillis != .min
            state.pausesUntilMillis = .min
            return isPausing
        }
        if mustWake { thread.wake() }
    }

    /// Whether the log has grown so much since the progress was saved that it must be saved again, though nothing was
    /// delivered: a start after a crash reads the log from there on.
    private func isProgressOld(_ messages: [DispatchedMessage]) -> Bool {
        guard let last = messages.last,
            last.logOffset - progressLogOffset.load(ordering: .relaxed) > Self.unreadBytesMax
        else { return false }
        progressLogOffset.store(last.logOffset, ordering: .relaxed)
        return true
    }

    // MARK: Work

    /// Delivers what is due; the answer is how long to pause, nil until something arrives.
    package func pass() -> Int64? {
        state.withLockedValue { state in
            state.pausesUntilMillis = .min
            for level in state.arrivedLevels where level <= state.levels.count {
                state.levels[Int(level) - 1].arrived()
            }
            state.arrivedLevels = []
        }
        let now = nowMillis()
        for index in 0..<Int(settings.levels.levelMax) { deliverLevel(index, nowMillis: now) }
        passTimers(nowMillis: now)
        saveWhenDue(nowMillis: now)
        return pause()
    }

    private func passTimers(nowMillis now: Int64) {
        let (mustRead, mustSweep) = state.withLockedValue { state in
            let isTime = state.readTimersAtMillis.map { $0 <= now } ?? false
            if isTime { state.readTimersAtMillis = nil }
            defer { state.mustReadTimers = false }
            return (state.mustReadTimers || isTime, now >= state.nextSweepMillis)
        }
        if mustRead, indexTimers() { state.withLockedValue { $0.mustReadTimers = true } }
        // The order to take back what is due may be among what was there at the start and is not read yet.
        if state.withLockedValue({ $0.knowsTimers }) { _ = deliverTimers(nowMillis: now) }
        if mustSweep, !sweepTimers(nowMillis: now) {
            state.withLockedValue { $0.nextSweepMillis = now + Self.saveIntervalMillis }
        }
        pendingTimers.store(state.withLockedValue { $0.timers.count }, ordering: .relaxed)
    }

    /// Messages that wait for a time.
    package var timerCount: Int { pendingTimers.load(ordering: .relaxed) }

    /// Where Apache's broker left the timer topic, by its file `timercheck`: the time until which slots are delivered, and
    /// the messages that are in its wheel (store.md 12.6).
    private func apacheProgress() -> TimerIndex.Progress? {
        guard let bytes = try? files.read(Self.apacheCheckpoint), bytes.count >= 24 else { return nil }
        func long(_ index: Int) -> Int64 { bytes[index..<index + 8].reduce(0) { $0 << 8 | Int64($1) } }
        return TimerIndex.Progress(queueOffset: max(0, long(16)), deliveredThroughMillis: max(0, long(0)))
    }

    /// A file of Apache's that is read where ours says nothing.
    static let apacheCheckpoint = "timercheck"

    /// Where to go on in the timer topic.
    private func timerStart(_ progress: DelayProgress) -> TimerIndex.Progress {
        let end = store.maxOffset(topic: NameRules.timerTopic, queueId: 0)
        var start = progress.timers ?? apacheProgress() ?? TimerIndex.Progress()
        // As with the levels: offsets that a power failure took will be given to others.
        start.queueOffset = min(start.queueOffset, end)
        start.floorOffset = max(min(start.floorOffset, end), store.minOffset(topic: NameRules.timerTopic, queueId: 0))
        return start
    }

    private func pause() -> Int64? {
        let now = nowMillis()
        return state.withLockedValue { state -> Int64? in
            guard !state.isStopped else { return nil }
            guard state.arrivedLevels.isEmpty, !state.mustReadTimers else { return 0 }
            var until = state.levels.compactMap { $0.readAtMillis(nowMillis: now) }.min()
            if let due = state.timers.dueMillis, state.knowsTimers { until = min(until ?? .max, due) }
            if let at = state.readTimersAtMillis { until = min(until ?? .max, at) }
            if state.timers.floorOffset < state.timers.readOffset { until = min(until ?? .max, state.nextSweepMillis) }
            if state.mustSave { until = min(until ?? .max, max(state.nextSaveMillis, now + Self.retryMillis)) }
            guard let until else {
                state.pausesUntilMillis = .max
                return nil
            }
            guard until > now else { return 0 }
            let pause = min(until - now, Self.pauseMillisMax)
            state.pausesUntilMillis = now + pause
            return pause
        }
    }

    // MARK: Progress

    private func saveWhenDue(nowMillis now: Int64) {
        let (logEnd, flushed) = (store.maxLogOffset, store.flushedLogOffset)
        let ready = state.withLockedValue { state -> DelayProgress? in
            state.endCatchUp(nowMillis: now)
            guard state.mustSave, state.catchUpMillis == nil, now >= state.nextSaveMillis else { return nil }
            if state.candidate == nil { state.candidate = state.takeProgress(logOffset: logEnd, nowMillis: now) }
            guard let candidate = state.candidate, candidate.logOffset ?? 0 <= flushed else { return nil }
            state.candidate = nil
            state.nextSaveMillis = now + Self.saveIntervalMillis
            return candidate
        }
        guard let ready else { return }
        runSave { [self] in save(ready) }
    }

    private func save(_ progress: DelayProgress) {
        do {
            try file.save(progress.json)
        } catch {
            logger.error("progress of delayed messages cannot be saved", metadata: ["error": "\(error)"])
            state.withLockedValue { $0.isDirty = true }
        }
    }
}

extension DelayService.State {
    /// Forgets the copies of before a crash when nothing that was due then is left to compare with them. Until then the old
    /// progress stands: a newer one would not reach back to all copies.
    mutating func endCatchUp(nowMillis: Int64) {
        guard let catchUpMillis, knowsTimers,
            timers.waitingFrom > catchUpMillis,
            levels.allSatisfy({ $0.readAtMillis(nowMillis: nowMillis).map { $0 > catchUpMillis } ?? true })
        else { return }
        copies = DeliveredCopies()
        self.catchUpMillis = nil
    }

    /// Whether all of the timer topic is read that was there at the start.
    var knowsTimers: Bool { timers.readOffset >= timersEnd }

    /// Whether the file lacks something.
    var mustSave: Bool { isDirty || candidate != nil }

    /// The position of each level that is not at its start.
    var progressOffsets: [Int32: Int64] {
        var offsets: [Int32: Int64] = [:]
        for queue in levels where queue.nextOffset > 0 || progress.offsets[queue.level] != nil {
            offsets[queue.level] = queue.nextOffset
        }
        return offsets
    }

    /// The progress at this moment, which counts as the last one from here on.
    mutating func takeProgress(logOffset: Int64, nowMillis: Int64) -> DelayProgress {
        progress.offsets = progressOffsets
        progress.logOffset = logOffset
        progress.timers = timers.progress(nowMillis: nowMillis)
        progress.dataVersion.advance(nowMillis: nowMillis, stateVersion: progress.dataVersion.stateVersion)
        isDirty = false
        return progress
    }
}
