import Logging
import MessageModel
import NIOConcurrencyHelpers

/// Committed offsets by topic, group and queue, kept in `consumerOffset.json` as Apache keeps them.
///
/// For groups that pop, the delivery service commits each ledger's low-water mark here, so that tools see progress; the
/// ledger itself is kept elsewhere. Groups that pull commit by request.
package final class ConsumerOffsets: Sendable {
    /// The file.
    package static let fileName = "consumerOffset.json"

    private struct Key: Hashable {
        var topic: String
        var group: String
    }

    private struct State {
        var table: [Key: [Int32: Int64]] = [:]
        var dataVersion: DataVersion
        var commits = 0
        var isDirty = false
    }

    private let file: RegistryFile
    private let nowMillis: @Sendable () -> Int64
    private let state: NIOLockedValueBox<State>
    // One writer at a time: an older state must not replace a newer one.
    private let saving = NIOLock()

    /// Loads the file.
    package init(
        storage: any RegistryStorage, nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) throws(BrokerError) {
        self.nowMillis = nowMillis
        file = RegistryFile(
            Self.fileName, in: storage, members: ["dataVersion", "groupTopicMap", "offsetTable"], logger: logger)
        let loaded = try file.load(Self.decode)
        state = NIOLockedValueBox(loaded ?? State(dataVersion: DataVersion(timestampMillis: nowMillis())))
    }

    /// The committed offset; nil when there is none.
    package func offset(group: String, topic: String, queueID: Int32) -> Int64? {
        state.withLockedValue { $0.table[Key(topic: topic, group: group)]?[queueID] }
    }

    /// All committed offsets of a group on a topic, by queue.
    package func offsets(group: String, topic: String) -> [Int32: Int64] {
        state.withLockedValue { $0.table[Key(topic: topic, group: group)] ?? [:] }
    }

    /// All committed offsets.
    package var all: [(topic: String, group: String, offsets: [Int32: Int64])] {
        state.withLockedValue { state in state.table.map { ($0.key.topic, $0.key.group, $0.value) } }
    }

    /// The topics that a group has offsets on.
    package func topics(group: String) -> [String] {
        state.withLockedValue { state in
            state.table.keys.lazy.filter { $0.group == group }.map(\.topic).sorted()
        }
    }

    /// The groups that have offsets on a topic.
    package func groups(topic: String) -> [String] {
        state.withLockedValue { state in
            state.table.keys.lazy.filter { $0.topic == topic }.map(\.group).sorted()
        }
    }

    /// Commits an offset, a lower one than before too.
    package func commit(group: String, topic: String, queueID: Int32, offset: Int64) {
        commit(group: group, topic: topic, offsets: CollectionOfOne((queueID: queueID, offset: offset)))
    }

    /// Commits the offsets of several queues.
    package func commit(
        group: String, topic: String, offsets: some Collection<(queueID: Int32, offset: Int64)>
    ) {
        guard !offsets.isEmpty else { return }
        let now = nowMillis()
        state.withLockedValue { state in
            for (queueID, offset) in offsets {
                state.table[Key(topic: topic, group: group), default: [:]][queueID] = offset
            }
            state.isDirty = true
            state.commits += offsets.count
            // Apache's interval: slaves compare versions, and each commit being one would have them copy all the time.
            if state.commits >= 500 {
                state.commits = 0
                state.dataVersion.advance(nowMillis: now, stateVersion: state.dataVersion.stateVersion)
            }
        }
    }

    /// Forgets a topic.
    package func remove(topic: String) { remove { $0.topic == topic } }

    /// Forgets topics.
    func remove(topics: Set<String>) { remove { topics.contains($0.topic) } }

    /// Forgets a group.
    package func remove(group: String) { remove { $0.group == group } }

    private func remove(where matches: (Key) -> Bool) {
        state.withLockedValue { state in
            let count = state.table.count
            state.table = state.table.filter { !matches($0.key) }
            if state.table.count != count { state.isDirty = true }
        }
    }

    /// Whether the file lacks something.
    package var isDirty: Bool { state.withLockedValue { $0.isDirty } }

    /// Writes the file when anything changed, with the offsets as they were before `flushing` the log: it must make all
    /// messages durable that clients know of by now. An offset that outlived the messages before it would hide those that
    /// get their places, or a message that was sent back and of which only the copy was left.
    package func save(flushing: () -> Bool = { true }) throws(BrokerError) {
        saving.lock()
        defer { saving.unlock() }
        let changed = state.withLockedValue { state -> State? in
            guard state.isDirty else { return nil }
            state.isDirty = false
            return state
        }
        guard let changed else { return }
        do throws(BrokerError) {
            guard flushing() else { throw BrokerError(.store, "the log cannot be flushed") }
            try file.save(Self.encode(changed))
        } catch {
            state.withLockedValue { $0.isDirty = true }
            throw error
        }
    }

    /// The content of the file.
    package var json: JSONValue { Self.encode(state.withLockedValue { $0 }) }

    private static func encode(_ state: State) -> JSONValue {
        var topicsByGroup: [String: Set<String>] = [:]
        var offsets: [String: JSONValue] = [:]
        for (key, queues) in state.table {
            topicsByGroup[key.group, default: []].insert(key.topic)
            var object = JSONObject()
            for (queueID, offset) in queues.sorted(by: { $0.key < $1.key }) {
                object.append(.integer(Int64(queueID)), .integer(offset))
            }
            offsets["\(key.topic)@\(key.group)"] = .object(object)
        }
        return [
            "dataVersion": state.dataVersion.json,
            "groupTopicMap": .object(
                JSONObject(sorted: topicsByGroup) { topics in .array(topics.sorted().map { .string($0) }) }),
            "offsetTable": .object(JSONObject(sorted: offsets) { $0 }),
        ]
    }

    private static func decode(_ json: JSONValue) throws(ModelError) -> State {
        let fields = try JSONFields(json, of: fileName)
        var state = State(dataVersion: DataVersion())
        if let version = fields.value("dataVersion") { state.dataVersion = try DataVersion(json: version) }
        for member in try fields.object("offsetTable") ?? JSONObject() {
            let text = member.key.text
            // A topic or group name holds no `@`.
            guard let separator = text.utf8.lastIndex(of: UInt8(ascii: "@")), let queues = member.value.members else {
                throw ModelError(.invalidField, "\(fileName): \(text) is not topic@group with offsets")
            }
            let key = Key(
                topic: String(text[..<separator]), group: String(text[text.utf8.index(after: separator)...]))
            for queue in queues {
                guard let queueID = queue.key.int64.flatMap({ Int32(exactly: $0) }), let offset = queue.value.int64
                else { throw ModelError(.invalidField, "\(fileName): \(text) has a bad queue or offset") }
                state.table[key, default: [:]][queueID] = offset
            }
        }
        return state
    }
}
