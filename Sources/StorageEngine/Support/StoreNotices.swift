import NIOConcurrencyHelpers
import Synchronization

/// Something about the store that its operator should learn of.
package enum StoreEvent: Sendable {
    /// A start reads the log: how far it is, and where the log ends at most.
    case recovering(offset: Int64, end: Int64)
    /// A record in the middle of the log cannot be read.
    case damage(RecoveryReport.Damage)
    /// Nothing is written any more until a restart.
    case fenced(StoreError)
    /// The disk has become fuller or emptier.
    case disk(DiskLevel, usedPercent: Int)
    /// A file of the commit log was deleted.
    case deleted(path: String, reason: RetentionReason)
    /// The disk is full, and old files are kept because consumers have not read them.
    case keptUnread(path: String)
    /// An old file is kept although it may go: the owner of the store needs records in it to recover.
    case keptNeeded(path: String)
    /// A file of a queue is gone: the next start builds the queue again.
    case queueFileMissing(path: String)
    /// Queues that were there are missing, and are built from the log: how many, and the first as topic and number.
    case rebuildingQueues(count: Int, first: String)
    /// The next file, or a queue, could not be written for lack of room; it is tried again.
    case waitsForRoom(StoreError)
    /// The key index cannot be written: it is tried again, and queries by key miss the newest messages until then.
    case indexFailing(StoreError)
}

/// What the parts of a store have to say to its operator, and the damages found so far.
final class StoreNotices: Sendable {
    private struct State {
        var observer: (@Sendable (StoreEvent) -> Void)?
        var damages: [RecoveryReport.Damage] = []
        var known: Set<Int64> = []
        var damageCount = 0
    }

    /// How far a start has read the log.
    let progress = RecoveryProgress()
    private let state = NIOLockedValueBox(State())
    /// Damages that are named; further ones are only counted.
    private static let damagesMax = 1_000

    func setObserver(_ observer: @escaping @Sendable (StoreEvent) -> Void) {
        state.withLockedValue { $0.observer = observer }
    }

    /// Tells the observer. Not under a lock.
    func post(_ event: StoreEvent) {
        state.withLockedValue { $0.observer }?(event)
    }

    /// Notes a damaged place and tells of it, once. Not under a lock.
    func note(_ damage: RecoveryReport.Damage) {
        let isNew = state.withLockedValue { state in
            if state.known.contains(damage.logOffset) { return false }
            state.damageCount += 1
            guard state.known.count < Self.damagesMax else { return false }
            state.known.insert(damage.logOffset)
            state.damages.append(damage)
            return true
        }
        if isNew { post(.damage(damage)) }
    }

    /// The named damages, and how many there are in all; one that is not named may be counted at each read.
    var damages: (named: [RecoveryReport.Damage], count: Int) {
        state.withLockedValue { ($0.damages, $0.damageCount) }
    }
}

/// How far a start has read the log: told by the thread that reads, asked by any.
final class RecoveryProgress: Sendable {
    private let first = Atomic<Int64>(0)
    private let done = Atomic<Int64>(0)
    private let end = Atomic<Int64>(0)

    /// The log is read from one offset on, and by the look of its files to another.
    func begin(at offset: Int64, end: Int64) {
        first.store(offset, ordering: .relaxed)
        done.store(offset, ordering: .relaxed)
        self.end.store(max(offset, end), ordering: .relaxed)
    }

    /// It is read up to an offset.
    func reached(_ offset: Int64) { done.store(offset, ordering: .relaxed) }

    /// Nothing is left to read.
    func finish() { end.store(done.load(ordering: .relaxed), ordering: .relaxed) }

    /// Bytes that are read, and that are to be read by the look of the files; 0 of 0 before the reading begins.
    var bytes: (done: Int64, total: Int64) {
        let start = first.load(ordering: .relaxed)
        let done = max(0, self.done.load(ordering: .relaxed) - start)
        return (done, max(done, end.load(ordering: .relaxed) - start))
    }
}
