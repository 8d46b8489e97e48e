/// Takes appended records in log order, past their durability point only, writes their consume queue units, and tells the
/// observer and the key index. Runs on one thread of its own.
final class Dispatcher: Sendable {
    typealias Observer = @Sendable ([DispatchedMessage]) -> Void

    struct Progress {
        /// Everything before is in the consume queues.
        var offset: Int64 = 0
        var timestampMillis: Int64 = 0
        var failure: StoreError?
        /// Taken from the log, but the disk had no room for its queue units yet.
        var stalled: [CommitLog.Pending]?
    }

    let progress = Guarded(Progress())
    /// Follows the consume queues; nil when it is switched off.
    private let index: KeyIndex?
    private let log: CommitLog
    private let isSynchronous: Bool
    private let clock: any StoreClock
    private let observer: Observer?
    private let notices: StoreNotices
    /// After a busy pass the thread naps this long instead of parking, so that a stream of appends need not wake it
    /// one by one. Well below the millisecond a waiting receiver may see.
    private static let napNanos = 50_000
    /// What it is after so many messages in one batch. Each nap costs a timer, 28 microseconds of CPU on some virtual
    /// machines, and receivers that are woken for more messages at once ask less often: they even get them sooner.
    private static let longNapNanos = 200_000
    private static let longNapCount = 3
    /// Pause before what the full disk did not take is tried again.
    private static let stallMillis: Int64 = 1_000

    init(
        log: CommitLog, index: KeyIndex?, isSynchronous: Bool, clock: any StoreClock, observer: Observer?,
        notices: StoreNotices
    ) {
        self.log = log
        self.index = index
        self.isSynchronous = isSynchronous
        self.clock = clock
        self.observer = observer
        self.notices = notices
    }

    /// Until the log is closed and everything that may be dispatched is.
    func run() {
        while let batch = nextBatch() {
            guard carryOut(batch) else {
                if progress.withLock({ $0.failure }) == nil, waitForRoom() { continue }
                return
            }
            WorkerThread.nap(nanos: batch.count < Self.longNapCount ? Self.napNanos : Self.longNapNanos)
        }
    }

    /// Dispatches what may be dispatched by now, and has the index follow; false when there is nothing to do, when the disk
    /// is full, or when dispatch has failed for good.
    func step() -> Bool {
        let (failure, stalled) = progress.withLock { ($0.failure, $0.stalled) }
        if failure != nil { return false }
        guard let batch = stalled ?? log.state.withLock({ takeReady(&$0) }) else { return index?.turn() ?? false }
        defer { index?.turn() }
        return carryOut(batch)
    }

    /// Dispatches. A full disk leaves the batch for the next time and has appends refused; any other failure ends
    /// dispatch for good and fences the log.
    private func carryOut(_ batch: [CommitLog.Pending]) -> Bool {
        do throws(StoreError) {
            try dispatch(batch)
            let wasStalled = progress.withLock { progress in
                defer { progress.stalled = nil }
                return progress.stalled != nil
            }
            if wasStalled { log.state.withLock { $0.dispatchRefusal = nil } }
            return true
        } catch {
            if error.code == .diskFull {
                stall(batch, error)
                return false
            }
            progress.withLock { $0.failure = error }
            progress.signal()
            log.fence(StoreError(.fenced, "dispatch failed (\(error.message)): the broker takes no messages"))
            return false
        }
    }

    private func stall(_ batch: [CommitLog.Pending], _ error: StoreError) {
        let isNew = progress.withLock { progress in
            defer { progress.stalled = batch }
            return progress.stalled == nil
        }
        guard isNew else { return }
        let refusal = StoreError(.diskFull, "the disk has no room for consume queues (\(error.message)): free some")
        log.state.withLock { $0.dispatchRefusal = refusal }
        notices.post(.waitsForRoom(refusal))
    }

    /// False when the store closes before there is room.
    private func waitForRoom() -> Bool {
        let isClosed =
            log.state.wait(on: CommitLog.Condition.dispatcher, timeoutMillis: Self.stallMillis) { state in
                state.isClosed ? true : nil
            } ?? false
        if isClosed {
            progress.withLock { $0.failure = StoreError(.diskFull, "the disk has no room for consume queues") }
            progress.signal()
        }
        return !isClosed
    }

    /// Waits until everything before a log offset is in the consume queues; false when that does not come to pass.
    func waitUntilDispatched(_ offset: Int64, timeoutMillis: Int64) -> Bool {
        progress.wait(timeoutMillis: timeoutMillis) { progress in
            if progress.offset >= offset { return true }
            return progress.failure == nil ? nil : false
        } ?? false
    }

    /// What may be dispatched, waiting for it; nil at the end.
    private func nextBatch() -> [CommitLog.Pending]? {
        if let stalled = progress.withLock({ $0.stalled }) { return stalled }
        return log.state.wait(on: CommitLog.Condition.dispatcher) { state -> [CommitLog.Pending]?? in
            if let batch = takeReady(&state) { return batch }
            if state.isClosed { return .some(nil) }
            state.dispatcherIsParked = true
            return nil
        } ?? nil
    }

    /// Takes what is past its durability point; nil when nothing is. Under the log's lock.
    private func takeReady(_ state: inout CommitLog.State) -> [CommitLog.Pending]? {
        let limit = state.readableEnd(isSynchronous: isSynchronous)
        if let last = state.pending.last, last.end <= limit {
            let batch = state.pending
            state.pending = []
            state.pending.reserveCapacity(min(batch.count, 1024))
            return batch
        }
        guard let first = state.pending.first, first.end <= limit else { return nil }
        let count = state.pending.firstIndex { $0.end > limit } ?? state.pending.count
        let batch = Array(state.pending[..<count])
        state.pending.removeFirst(count)
        return batch
    }

    private func dispatch(_ batch: [CommitLog.Pending]) throws(StoreError) {
        let now = clock.nowMillis
        var messages: [DispatchedMessage] = []
        messages.reserveCapacity(batch.count)
        for pending in batch {
            guard let queueOffset = pending.queueOffset else { continue }
            let queue = pending.queue
            try queue.add(
                QueueUnit(logOffset: pending.logOffset, recordSize: pending.size, tagsCode: pending.tagsCode),
                at: queueOffset, nowMillis: now)
            messages.append(
                DispatchedMessage(
                    topic: queue.topic, queueId: queue.queueId, queueOffset: queueOffset, logOffset: pending.logOffset,
                    size: pending.size, tagsCode: pending.tagsCode,
                    storeTimestampMillis: pending.storeTimestampMillis))
        }
        if let last = batch.last {
            progress.withLock { progress in
                progress.offset = last.end
                progress.timestampMillis = last.storeTimestampMillis
            }
            progress.signal()
        }
        if !messages.isEmpty { observer?(messages) }
        if let last = batch.last { index?.advanceTarget(to: last.end) }
    }
}
