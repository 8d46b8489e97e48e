import NIOConcurrencyHelpers

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
