import NIOConcurrencyHelpers

/// Works ahead of the writer, so that an append on an event loop waits neither for a page nor for a new file: faults in
/// the pages of the next records, makes the next file in time. Runs on one thread of its own.
///
/// A first store to a page of a file may wait for the file system's journal, 20 ms and more while a flush commits.
///
/// While the log grows fast, a piece is first filled with zeros by one write. The kernel then keeps it as one large folio:
/// it takes a fraction of the time to make, map and flush that so many single pages take, the greater part of what a send
/// costs the kernel. But whatever changes in a folio, all of it goes to the disk with the next flush: while the log grows
/// slowly, pages are faulted in one by one.
final class LogPreparer: Sendable {
    /// How fast the log grows, looked at from step to step.
    private struct Pace {
        var offset: Int64 = 0
        var millis: Int64 = 0
        var isFast = false

        mutating func look(at offset: Int64, nowMillis: Int64, fastBytesPerSecond: Int64) {
            let passed = nowMillis - millis
            guard passed < 0 || passed >= LogPreparer.paceMillis else { return }
            isFast = passed > 0 && (offset - self.offset) * 1_000 / passed >= fastBytesPerSecond
            self.offset = offset
            millis = nowMillis
        }
    }

    private let log: CommitLog
    /// With SYNC_FLUSH each fsync writes the whole file's dirty pages: pages ahead of the writer would only be written
    /// twice, and be protected again.
    private let faultsPagesIn: Bool
    /// What is fast: a folio that a flush writes in vain is a small part of what it writes then.
    private let fastBytesPerSecond: Int64
    private let clock: any StoreClock
    private let pace = NIOLockedValueBox(Pace())
    /// Pages that are made by one call, at a multiple of that in the file. Fresh ones are zeroed without a break, and no
    /// other thread gets the core meanwhile.
    private let pieceBytes: Int64
    private let zeros: [UInt8]

    /// What `pieceBytes` is with files that are not small. Of more pages in a row the kernel has few once the memory is full,
    /// and takes a core for ten milliseconds and more to make some (PAGE_ALLOC_COSTLY_ORDER in Linux).
    static let pieceBytesMax: Int64 = 32 << 10
    private static let pageBytes: Int64 = 4_096
    /// How far ahead of the writer pages are faulted in.
    static let windowBytes: Int64 = 8 << 20
    /// What it is while the log grows fast: with the memory full, a page may have to wait until another is given up.
    private static let fastWindowBytes: Int64 = 32 << 20
    /// What is prepared at a time. Small: with the memory full a page costs much, and others need the cores meanwhile.
    static let stepBytes: Int64 = 2 << 20
    /// Pieces that lie between the writer and one that is filled with zeros: no append is to wait for that.
    private static let marginPieces: Int64 = 16
    private static let paceMillis: Int64 = 50
    /// After a failure the next try comes that much later.
    private static let retryMillis: Int64 = 1_000

    init(log: CommitLog, isSynchronous: Bool, fastBytesPerSecond: Int64, clock: any StoreClock) {
        self.log = log
        faultsPagesIn = !isSynchronous
        self.fastBytesPerSecond = fastBytesPerSecond
        self.clock = clock
        let share = Int64(log.segments.fileBytes) / 32
        pieceBytes = max(Self.pageBytes, min(Self.pieceBytesMax, share - share % Self.pageBytes))
        zeros = [UInt8](repeating: 0, count: Int(pieceBytes))
    }

    /// Until the log is closed.
    func run() {
        while waitForWork() { step() }
    }

    /// Does what there is to do now.
    func step() {
        let (segment, offset) = log.state.withLock { ($0.segment, $0.writeOffset) }
        guard let segment else { return }
        let isFast = pace.withLockedValue { pace in
            pace.look(at: offset, nowMillis: clock.nowMillis, fastBytesPerSecond: fastBytesPerSecond)
            return pace.isFast
        }
        if (offset - segment.base) * 2 >= Int64(log.segments.fileBytes) { prepareNextFile() }
        var targets = [segment]
        if let next = log.segments.preparedSegment, next.base == segment.end { targets.append(next) }
        // Whole pieces: what is left of one would be made of single pages.
        let windowBytes = isFast ? Self.fastWindowBytes : Self.windowBytes
        let windowEnd = offset + windowBytes
        let preparableEnd = targets[targets.count - 1].end
        let end = min(preparableEnd, windowEnd - (windowEnd - segment.base) % pieceBytes)
        let start = log.state.withLock { max($0.preparedOffset, offset) }
        if faultsPagesIn, end > start {
            for target in targets {
                prepare(target, from: max(start, target.base), to: min(end, target.end), isFast: isFast)
            }
        }
        log.state.withLock { state in
            state.preparedOffset = max(state.preparedOffset, end)
            state.windowBytes = windowBytes
            state.preparableEnd = preparableEnd
        }
    }

    private func prepare(_ segment: LogSegment, from start: Int64, to end: Int64, isFast: Bool) {
        var offset = start
        while offset < end {
            let place = (offset - segment.base) % pieceBytes
            let piece = offset..<min(offset - place + pieceBytes, end)
            // Best effort: a page that cannot be had shows at the store to it.
            if isFast, piece.count == pieceBytes { fill(segment, piece) }
            try? segment.prepareForWriting(from: piece.lowerBound, to: piece.upperBound)
            offset = piece.upperBound
        }
    }

    private func fill(_ segment: LogSegment, _ piece: Range<Int64>) {
        guard log.claim(piece, margin: Self.marginPieces * pieceBytes) else { return }
        defer { log.releaseClaim() }
        zeros.withUnsafeBytes { try? segment.writeZeros($0, at: piece.lowerBound) }
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
