import NIOConcurrencyHelpers
import Synchronization

/// What the queues of a store share: the file system, who has changes to save, who keeps units in memory, and who has
/// files mapped.
///
/// A store may have 80,000 queues of which few are used: saving and letting go look at these only. Mappings are
/// bounded, as a process may have only so many (Linux: 65,530), and so are units in memory.
final class QueueSharing: Sendable {
    private struct State {
        var changed: [ConsumeQueue] = []
        /// Queues that have units in memory, longest first; those before `bufferedStart` were taken.
        var buffered: [ConsumeQueue] = []
        var bufferedStart = 0
        var mapped: [ObjectIdentifier: ConsumeQueue] = [:]
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

    func noteBuffered(_ queue: ConsumeQueue) {
        state.withLockedValue { $0.buffered.append(queue) }
    }

    func noteKept(_ count: Int) {
        keptUnits.add(count, ordering: .relaxed)
    }

    /// The queue that has had units in memory the longest, when there are too many of them in all.
    func nextToWrite() -> ConsumeQueue? {
        keptUnits.load(ordering: .relaxed) > keptUnitsMax ? oldestBuffered() : nil
    }

    /// The queue that has had units in memory the longest.
    func oldestBuffered() -> ConsumeQueue? {
        state.withLockedValue { state in
            guard state.bufferedStart < state.buffered.count else { return nil }
            let queue = state.buffered[state.bufferedStart]
            state.bufferedStart += 1
            if state.bufferedStart * 2 > state.buffered.count {
                state.buffered.removeFirst(state.bufferedStart)
                state.bufferedStart = 0
            }
            return queue
        }
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
