import NIOConcurrencyHelpers

/// Makes the log durable: group commit for SYNC_FLUSH, at intervals for ASYNC_FLUSH. Runs on one thread of its own.
///
/// A failed fsync is final: the pages may be gone from the cache, so a later success would prove nothing. It fences the
/// log and fails all who wait.
final class Flusher: Sendable {
    struct Waiter {
        let end: Int64
        let receipt: AppendReceipt
        let sinceMillis: Int64
        let completion: @Sendable (AppendOutcome) -> Void
    }

    private struct Waiting {
        var waiters: [Waiter] = []
        /// Those whose flush is under way.
        var flushing: [Waiter] = []
        /// The thread is gone: nobody else will complete a waiter.
        var hasEnded = false
    }

    private let log: CommitLog
    private let isSynchronous: Bool
    private let intervalMillis: Int64
    private let waiting = Guarded(Waiting())
    // One flush at a time: of two at once only one would see that a page was lost.
    private let flushing = NIOLock()
    /// Wait before a flush when the disk is nearly full, so that producers slow down.
    private static let slowNanos = 100_000_000

    init(log: CommitLog, isSynchronous: Bool, intervalMillis: Int) {
        self.log = log
        self.isSynchronous = isSynchronous
        self.intervalMillis = Int64(intervalMillis)
    }

    /// Completes when everything before `end` is durable.
    func wait(_ waiter: Waiter) {
        let hasEnded = waiting.withLock { waiting in
            if !waiting.hasEnded { waiting.waiters.append(waiter) }
            return waiting.hasEnded
        }
        if hasEnded { return complete([waiter], flush()) }
        let mustSignal = log.state.withLock { state in
            let parked = state.flusherIsParked
            state.flusherIsParked = false
            return parked
        }
        if mustSignal { log.state.signal(CommitLog.Condition.flusher) }
    }

    /// Until the log is closed; the last pass flushes what is left.
    func run() {
        while true {
            let isLast = waitForWork()
            if !isLast, log.state.withLock({ $0.isSlow }) {
                WorkerThread.nap(nanos: Self.slowNanos)
            }
            step(sparesLastPiece: !isSynchronous && !isLast)
            guard isLast else { continue }
            let hasEnded = waiting.withLock { waiting in
                waiting.hasEnded = waiting.waiters.isEmpty
                return waiting.hasEnded
            }
            if hasEnded { return }
        }
    }

    /// Flushes what is in the log now and completes who waits for it.
    ///
    /// A flush write-protects the pages it writes, so that the next store to the newest page, on an event loop and under
    /// the append lock, waits for the file system's journal. `sparesLastPiece` leaves that page, and those the preparer
    /// made with it, to the next round, unless they are all there is or somebody waits.
    func step(sparesLastPiece: Bool = false) {
        // Taken before the target is read: all of them are covered by it.
        let isAwaited = waiting.withLock { waiting in
            waiting.flushing = waiting.waiters
            waiting.waiters = []
            return !waiting.flushing.isEmpty
        }
        let failure = flush(sparesLastPiece: sparesLastPiece && !isAwaited)
        complete(takeFlushing(), failure)
    }

    /// What a broken flusher would do, for the simulator to catch: completes who waits without a flush.
    func completeUnflushed() {
        let waiters = waiting.withLock { waiting in
            defer { waiting.waiters = [] }
            return waiting.waiters
        }
        complete(waiters, nil)
    }

    /// Gives those an answer who wait since before a moment: the disk hangs. Their messages may still become durable.
    func expire(before deadlineMillis: Int64) {
        let late = waiting.withLock { waiting in
            let late = (waiting.flushing + waiting.waiters).filter { $0.sinceMillis < deadlineMillis }
            guard !late.isEmpty else { return late }
            waiting.flushing.removeAll { $0.sinceMillis < deadlineMillis }
            waiting.waiters.removeAll { $0.sinceMillis < deadlineMillis }
            return late
        }
        complete(late, late.isEmpty ? nil : StoreError(.flushTimeout, "the disk took too long to flush the message"))
    }

    private func takeFlushing() -> [Waiter] {
        waiting.withLock { waiting in
            defer { waiting.flushing = [] }
            return waiting.flushing
        }
    }

    private func complete(_ waiters: [Waiter], _ failure: StoreError?) {
        for waiter in waiters {
            waiter.completion(failure.map { .failed($0) } ?? .stored(waiter.receipt))
        }
    }

    /// Waits for something to flush; true when the log is closed.
    private func waitForWork() -> Bool {
        if isSynchronous {
            return log.state.wait(on: CommitLog.Condition.flusher) { [waiting] state in
                if state.isClosed { return true }
                let hasWaiters = waiting.withLock { !$0.waiters.isEmpty }
                if hasWaiters || (state.writeOffset > state.flushedOffset && state.refusal == nil) { return false }
                state.flusherIsParked = true
                return nil
            } ?? false
        }
        return log.state.wait(on: CommitLog.Condition.flusher, timeoutMillis: intervalMillis) { [waiting] state in
            if state.isClosed { return true }
            // Only what must be durable waits here, and producers that are slowed down.
            if waiting.withLock({ !$0.waiters.isEmpty }) { return false }
            state.flusherIsParked = true
            return nil
        } ?? false
    }

    /// Flushes to the end of the log as it is now, or to the last piece before it.
    func flush(sparesLastPiece: Bool = false) -> StoreError? {
        flushing.withLock { flushAlone(sparesLastPiece: sparesLastPiece) }
    }

    private func flushAlone(sparesLastPiece: Bool) -> StoreError? {
        let (start, written, base, refusal) = log.state.withLock {
            ($0.flushedOffset, $0.writeOffset, $0.segment?.base ?? 0, $0.refusal)
        }
        if let refusal { return refusal }
        let pieceStart = written - (written - base) % LogPreparer.pieceBytesMax
        let end = sparesLastPiece && pieceStart > start ? pieceStart : written
        if end <= start { return nil }
        do throws(FileSystemError) {
            for segment in log.segments.all where segment.end > start && segment.base < end {
                if isSynchronous { try segment.synchronizeAll() } else { try segment.synchronize(from: start, to: end) }
            }
        } catch {
            let refusal = StoreError(
                .fenced, "fsync of the commit log failed (\(error)): the broker takes no messages until it is restarted"
            )
            log.segments.noteLostPages()
            log.fence(refusal)
            return refusal
        }
        let wakes = log.state.withLock { state in
            state.flushedOffset = max(state.flushedOffset, end)
            var wakes = CommitLog.Wakes()
            guard isSynchronous else { return wakes }
            wakes.dispatcher = state.takeDispatcherWake()
            wakes.replication = state.takeReplicationWake()
            return wakes
        }
        log.wake(wakes)
        return nil
    }
}
