/// Works ahead of the writer, so that an append on an event loop waits neither for a page nor for a new file: faults in
/// the pages of the next records, makes the next file in time. Runs on one thread of its own.
///
/// A first store to a page of a file may wait for the file system's journal, 20 ms and more while a flush commits.
final class LogPreparer: Sendable {
    private let log: CommitLog
    /// With SYNC_FLUSH each fsync writes the whole file's dirty pages: pages ahead of the writer would only be written
    /// twice, and be protected again.
    private let faultsPagesIn: Bool
    private let clock: any StoreClock
    /// How far ahead of the writer pages are faulted in.
    private static let windowBytes: Int64 = 8 << 20
    /// Pages faulted in by one call: fresh ones are zeroed without a break, and no other thread gets the core meanwhile.
    private static let pieceBytes: Int64 = 128 << 10
    /// After a failure the next try comes that much later.
    private static let retryMillis: Int64 = 1_000

    init(log: CommitLog, isSynchronous: Bool, clock: any StoreClock) {
        self.log = log
        faultsPagesIn = !isSynchronous
        self.clock = clock
    }

    /// Until the log is closed.
    func run() {
        while waitForWork() { step() }
    }

    /// Does what there is to do now.
    func step() {
        let (segment, offset) = log.state.withLock { ($0.segment, $0.writeOffset) }
        guard let segment else { return }
        if (offset - segment.base) * 2 >= Int64(log.segments.fileBytes) { prepareNextFile() }
        var targets = [segment]
        if let next = log.segments.preparedSegment, next.base == segment.end { targets.append(next) }
        let end = min(targets[targets.count - 1].end, offset + Self.windowBytes)
        let start = log.state.withLock { max($0.preparedOffset, offset) }
        if faultsPagesIn, end > start {
            for target in targets { prepare(target, from: max(start, target.base), to: min(end, target.end)) }
        }
        log.state.withLock { $0.preparedOffset = max($0.preparedOffset, end) }
    }

    private func prepare(_ segment: LogSegment, from start: Int64, to end: Int64) {
        for piece in stride(from: start, to: end, by: Int(Self.pieceBytes)) {
            // Best effort: a page that cannot be had shows at the store to it.
            try? segment.prepareForWriting(from: piece, to: min(piece + Self.pieceBytes, end))
        }
    }

    private func prepareNextFile() {
        do throws(FileSystemError) {
            try log.segments.prepareNext()
            log.state.withLock { $0.nextFileFailure = nil }
        } catch {
            let now = clock.nowMillis
            log.state.withLock { $0.nextFileFailure = (StoreError(error), now) }
        }
    }

    /// True when there may be something to do, false at the end.
    private func waitForWork() -> Bool {
        log.state.wait(on: CommitLog.Condition.preparer, timeoutMillis: Self.retryMillis) { state -> Bool? in
            if state.isClosed || state.refusal != nil { return false }
            if state.needsPreparer { return true }
            state.preparerIsParked = true
            return nil
        } ?? true
    }
}
