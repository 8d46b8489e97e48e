import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import ServerSupport
import StorageEngine

/// Delivers delayed messages: one thread that copies each into its topic when it is due.
///
/// What waits lies in the commit log, in the queues of the schedule topic. What is delivered is known by an offset for
/// each level, saved about once a second, and only after the copies are on the disk: a power failure may deliver twice but
/// never loses. After a crash the copies behind the saved point are found in the log, and nothing is delivered twice that
/// the log still holds.
///
/// ``recover()`` once the store is open, ``start()``, ``stop()`` before the store closes and ``saveAtEnd()`` after.
/// Without `start` the owner drives ``pass()``, as tests do.
package final class DelayService: Sendable {
    struct State {
        var levels: [DelayLevelQueue] = []
        var copies = DeliveredCopies()
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
    private let saver: SerialWorker
    private let logFileBytes: Int64
    private let thread = PausingThread(name: "delay")

    /// How long the thread pauses at most while something waits, so that a clock that is set forward is noticed.
    private static let pauseMillisMax: Int64 = 1_000
    /// Time between two saves of the progress.
    private static let saveIntervalMillis: Int64 = 1_000
    /// Time after which a copy that could not be written is tried again.
    static let retryMillis: Int64 = 100

    /// A service over a store that is not open yet. `saver` writes the progress.
    init(
        settings: DelaySettings, store: MessageStore, logFileBytes: Int, files: any RegistryStorage,
        saver: SerialWorker,
        nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.logFileBytes = Int64(logFileBytes)
        self.saver = saver
        self.nowMillis = nowMillis
        self.logger = logger
        file = RegistryFile(DelayProgress.fileName, in: files, logger: logger)
    }

    // MARK: Life

    /// Reads the progress and finds out what was delivered after it was saved.
    func recover() throws(BrokerError) {
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
        let copies = progress.logOffset.map { deliveredCopies(from: $0) } ?? DeliveredCopies()
        state.withLockedValue { state in
            state.levels = levels
            state.progress = progress
            state.copies = copies
        }
    }

    /// The delivered copies in the log from an offset on.
    private func deliveredCopies(from start: Int64) -> DeliveredCopies {
        var copies = DeliveredCopies()
        var offset = max(start, store.minLogOffset)
        let end = store.maxLogOffset
        var buffer = ByteBuffer()
        while offset < end {
            buffer.clear()
            guard store.readRecord(logOffset: offset, into: &buffer) else {
                // The rest of the file is empty or damaged.
                offset = (offset / logFileBytes + 1) * logFileBytes
                continue
            }
            if let record = try? MessageRecord(buffer), let message = DelayedMessage(record), message.isDeliveredCopy {
                copies.insert(message.identity)
            }
            offset += Int64(buffer.readableBytes)
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

    /// Saves the progress after the store was closed in good order.
    func saveAtEnd() {
        save(state.withLockedValue { $0.takeProgress(logOffset: store.maxLogOffset, nowMillis: nowMillis()) })
    }

    /// Tells of messages that became readable.
    func messagesArrived(_ messages: [DispatchedMessage]) {
        var levels: Set<Int32> = []
        for message in messages where message.topic == NameRules.scheduleTopic { levels.insert(message.queueId + 1) }
        guard !levels.isEmpty else { return }
        let mustWake = state.withLockedValue { state in
            state.arrivedLevels.formUnion(levels)
            let isPausing = state.pausesUntilMillis != .min
            state.pausesUntilMillis = .min
            return isPausing
        }
        if mustWake { thread.wake() }
    }

    // MARK: Work

    /// Delivers what is due; the answer is how long to pause, nil until something arrives.
    func pass() -> Int64? {
        state.withLockedValue { state in
            state.pausesUntilMillis = .min
            for level in state.arrivedLevels where level <= state.levels.count {
                state.levels[Int(level) - 1].arrived()
            }
            state.arrivedLevels = []
        }
        let now = nowMillis()
        for index in 0..<Int(settings.levels.levelMax) { deliverLevel(index, nowMillis: now) }
        saveWhenDue(nowMillis: now)
        return pause()
    }

    private func pause() -> Int64? {
        let now = nowMillis()
        return state.withLockedValue { state -> Int64? in
            guard !state.isStopped else { return nil }
            guard state.arrivedLevels.isEmpty else { return 0 }
            var until = state.levels.compactMap { $0.readAtMillis(nowMillis: now) }.min()
            if state.isDirty { until = min(until ?? .max, max(state.nextSaveMillis, now + Self.retryMillis)) }
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
            guard state.isDirty, now >= state.nextSaveMillis else { return nil }
            if state.candidate == nil { state.candidate = state.takeProgress(logOffset: logEnd, nowMillis: now) }
            state.isDirty = true
            guard let candidate = state.candidate, candidate.logOffset ?? 0 <= flushed else { return nil }
            state.candidate = nil
            // What was delivered since the candidate was taken makes it dirty again.
            state.isDirty = state.progressOffsets != candidate.offsets
            state.nextSaveMillis = now + Self.saveIntervalMillis
            return candidate
        }
        guard let ready else { return }
        _ = saver.submit { [self] in save(ready) }
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
        progress.dataVersion.advance(nowMillis: nowMillis, stateVersion: progress.dataVersion.stateVersion)
        isDirty = false
        return progress
    }
}
