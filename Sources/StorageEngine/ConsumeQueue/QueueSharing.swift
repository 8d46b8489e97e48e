import NIOConcurrencyHelpers
import Synchronization

/// What the queues of a store share: the file system, who has changes to save, who keeps units in memory, and who has
/// files mapped.
///
/// A store may have 80,000 queues of which few are used: saving and letting go look at these only. Mappings are
/// bounded, as a process may have only so many (Linux: 65,530), and so are units in memory.
final class QueueSharing: Sendable {
    /// A queue that has units in memory, and a log offset before which are the records of none of them.
    private struct Buffered {
        let queue: ConsumeQueue
        let since: Int64
    }

    private struct State {
        var changed: [ConsumeQueue] = []
        /// Queues that have units in memory, longest first; those before `bufferedStart` were written.
        var buffered: [Buffered] = []
        var bufferedStart = 0
        var mapped: [ObjectIdentifier: ConsumeQueue] = [:]

        var oldest: Buffered? { bufferedStart < buffered.count ? buffered[bufferedStart] : nil }
    }

    let files: any FileSystem
    /// Bytes of one queue file.
    let fileBytes: Int
    // Held while queue files are created or written, or a topic's are removed: a new topic of the same name has the same
    // paths.
    let creating = NIOLock()
    // Taken under a queue's own lock, never the other way round.
    private let state = NIOLockedValueBox(State())
    /// Units in memory, over all queues.
    private let keptUnits = Atomic<Int>(0)
    private let mappedMax: Int
    private let keptUnitsMax: Int
    private let notices: StoreNotices
    /// Queues that let go at once when too many are mapped.
    private static let victimCount = 64

    init(files: any FileSystem, configuration: StoreConfiguration, notices: StoreNotices) {
        self.files = files
        self.notices = notices
        fileBytes = configuration.queueFileBytes
        mappedMax = configuration.mappedQueuesMax
        keptUnitsMax = configuration.keptQueueUnitsMax
    }

    // MARK: Changes

    func noteChanged(_ queue: ConsumeQueue) {
        state.withLockedValue { $0.changed.append(queue) }
    }

    /// The queues with changes since the last call, in the order of their first.
    func takeChanged() -> [ConsumeQueue] {
        state.withLockedValue { state in
            defer { state.changed = [] }
            return state.changed
        }
    }

    /// Whether any queue has changes.
    var hasChanged: Bool { state.withLockedValue { !$0.changed.isEmpty } }

    // MARK: Units in memory

    /// Notes that a queue has units in memory, the first of a record at a log offset.
    func noteBuffered(_ queue: ConsumeQueue, since logOffset: Int64) {
        state.withLockedValue { $0.buffered.append(Buffered(queue: queue, since: logOffset)) }
    }

    func noteKept(_ count: Int) {
        keptUnits.add(count, ordering: .relaxed)
    }

    /// There are more units in memory than may be.
    var keepsTooMany: Bool { keptUnits.load(ordering: .relaxed) > keptUnitsMax }

    /// Writes out the queue that has had units in memory the longest, when the first was of a record before a log offset;
    /// false when there is none.
    func writeOldest(before logOffset: Int64 = .max) throws(StoreError) -> Bool {
        creating.lock()
        defer { creating.unlock() }
        guard let oldest = state.withLockedValue(\.oldest), oldest.since < logOffset else { return false }
        // It stays the oldest until its units are in the file: see unwrittenFrom.
        try oldest.queue.takeTurn()
        state.withLockedValue { state in
            state.bufferedStart += 1
            guard state.bufferedStart * 2 > state.buffered.count else { return }
            state.buffered.removeFirst(state.bufferedStart)
            state.bufferedStart = 0
        }
        return true
    }

    /// Forgets who has units in memory: all queues are opened anew.
    func forgetBuffered() {
        state.withLockedValue { state in
            state.buffered = []
            state.bufferedStart = 0
        }
    }

    /// A log offset before which no record's queue unit is in memory only; nil when none is.
    var unwrittenFrom: Int64? {
        creating.withLock { state.withLockedValue { $0.oldest?.since } }
    }

    // MARK: Lost files

    /// Tells the operator of a file that is not where it was made.
    func noteLost(_ path: String) {
        notices.post(.queueFileMissing(path: path))
    }

    // MARK: Mappings

    /// Notes that a queue has files mapped; others must let go when there are too many.
    func noteMapped(_ queue: ConsumeQueue) -> [ConsumeQueue] {
        state.withLockedValue { state in
            state.mapped[ObjectIdentifier(queue)] = queue
            guard state.mapped.count > mappedMax else { return [] }
            return state.mapped.values.prefix(Self.victimCount).filter { $0 !== queue }
        }
    }

    func noteUnmapped(_ queue: ConsumeQueue) {
        state.withLockedValue { _ = $0.mapped.removeValue(forKey: ObjectIdentifier(queue)) }
    }

    /// The queues that have files mapped.
    var mapped: [ConsumeQueue] { state.withLockedValue { Array($0.mapped.values) } }
}
