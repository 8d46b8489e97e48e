import NIOConcurrencyHelpers

/// What the queues of a store share: the file system, who has changes to flush, and who has files mapped.
///
/// A store may have 80,000 queues of which few are used: flushing and letting go look at these only. Mappings are
/// bounded, as a process may have only so many (Linux: 65,530).
final class QueueSharing: Sendable {
    private struct State {
        var changed: [ObjectIdentifier: ConsumeQueue] = [:]
        var mapped: [ObjectIdentifier: ConsumeQueue] = [:]
    }

    let files: any FileSystem
    /// Bytes of one queue file.
    let fileBytes: Int
    // Held while queue files are created or a topic's are removed: a new topic of the same name has the same paths.
    let creating = NIOLock()
    // Taken under a queue's own lock, never the other way round.
    private let state = NIOLockedValueBox(State())
    private let mappedMax: Int
    /// Queues that let go at once when too many are mapped.
    private static let victimCount = 64

    init(files: any FileSystem, fileBytes: Int, mappedMax: Int) {
        self.files = files
        self.fileBytes = fileBytes
        self.mappedMax = mappedMax
    }

    func noteChanged(_ queue: ConsumeQueue) {
        state.withLockedValue { $0.changed[ObjectIdentifier(queue)] = queue }
    }

    /// The queues with changes since the last call, in an order that is the same in each process.
    func takeChanged() -> [ConsumeQueue] {
        let changed = state.withLockedValue { state in
            defer { state.changed = [:] }
            return Array(state.changed.values)
        }
        return changed.sorted { ($0.topic, $0.queueId) < ($1.topic, $1.queueId) }
    }

    /// Whether any queue has changes.
    var hasChanged: Bool { state.withLockedValue { !$0.changed.isEmpty } }

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
