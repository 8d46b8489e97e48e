import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec
import Synchronization

/// The SQL filters of consumer groups as heartbeats said them last, kept in `consumerFilter.json` as Apache keeps them.
///
/// Push consumers do not name their filter when they pull: the broker knows it from heartbeats, of which the first after a
/// restart may be half a minute away. Until then they are served by the filter that is kept here, if it is theirs still.
/// Groups that filter by tag, or not at all, are not in the file, as they are not in Apache's.
package final class SavedFilters: Sendable {
    /// The file.
    package static let fileName = "consumerFilter.json"
    /// The kind of expression that is kept: others need nothing compiled, or are unknown.
    fileprivate static let type = "SQL92"
    /// Longer expressions are not kept.
    private static let expressionBytesMax = 16 << 10
    /// How long a filter is kept whose group has no members (Apache's `filterDataCleanTimeSpan`).
    private static let keptMillis: Int64 = 24 * 3_600_000

    /// A filter.
    package struct Filter: Hashable, Sendable {
        /// The expression.
        package var expression: String
        /// The client's time when it subscribed.
        package var version: Int64
        /// When the broker first heard of it.
        package var bornMillis: Int64
        /// When it was noticed that the group has no members any more; 0 while it has.
        package var deadMillis: Int64 = 0
        /// Members of Apache's that mean nothing here, such as its bloom filter.
        package var others = JSONObject()

        /// As a subscription.
        func subscription(topic: String) -> SubscriptionData {
            SubscriptionData(topic: topic, expression: expression, expressionType: SavedFilters.type, version: version)
        }
    }

    /// What the clients of a group say.
    package struct HeardGroup: Sendable {
        /// Whether the group has members.
        var hasMembers: Bool
        /// The subscriptions whose filters are kept, by topic.
        var subscriptions: [String: SubscriptionData]
    }

    // By topic, then group.
    private typealias Table = [String: [String: Filter]]

    /// What may still be kept.
    private struct Room {
        private var count = 100_000
        private var bytes = 16 << 20

        /// Takes the room of a filter; false when there is not enough.
        mutating func take(_ filter: Filter, topic: String, group: String) -> Bool {
            let size = filter.byteCount(topic: topic, group: group)
            guard count > 0, size <= bytes else { return false }
            count -= 1
            bytes -= size
            return true
        }

        /// Gives back what a filter took.
        mutating func free(_ filter: Filter, topic: String, group: String) {
            count += 1
            bytes += filter.byteCount(topic: topic, group: group)
        }

        /// What a table leaves.
        static func besides(_ table: Table) -> Room {
            var room = Room()
            for (topic, groups) in table {
                for (group, filter) in groups { _ = room.take(filter, topic: topic, group: group) }
            }
            return room
        }
    }

    private let file: RegistryFile
    private let logger: Logger
    private let table = NIOLockedValueBox<Table>([:])
    private let wasFull = Atomic<Bool>(false)

    /// Loads the file. One that is damaged is passed over: heartbeats bring its content again.
    package init(storage: any RegistryStorage, logger: Logger) {
        file = RegistryFile(Self.fileName, in: storage, members: [Self.root], logger: logger)
        self.logger = logger
        do throws(BrokerError) {
            if let (loaded, isFull) = try file.load(Self.decode) {
                table.withLockedValue { $0 = loaded }
                noteFull(isFull)
            }
        } catch {
            logger.error("SQL filters are not known until heartbeats come", metadata: ["error": "\(error)"])
        }
    }

    /// The filter that a group had last; nil when it is not kept, or not in SQL.
    package func filter(topic: String, group: String) -> Filter? { table.withLockedValue { $0[topic]?[group] } }

    /// Takes over what clients say, and saves it if anything changed. Blocks on the disk; one call at a time.
    ///
    /// - Parameter heard: what clients say of the groups that filters are kept of, by group; it is given those groups.
    package func save(_ heard: (_ kept: Set<String>) -> [String: HeardGroup], nowMillis: Int64) {
        let before = table.withLockedValue { $0 }
        let groups = heard(Set(before.values.lazy.flatMap(\.keys)))
        if before.isEmpty, groups.isEmpty { return }
        var changed = before
        Self.age(&changed, besides: groups, nowMillis: nowMillis)
        noteFull(Self.add(groups, to: &changed, nowMillis: nowMillis))
        guard changed != before else { return }
        do throws(BrokerError) {
            try file.save(Self.encode(changed))
            table.withLockedValue { [changed] in $0 = changed }
        } catch {
            // The table stays as the file is, so that the next call tries again.
            logger.error("SQL filters could not be saved", metadata: ["error": "\(error)"])
        }
    }

    private func noteFull(_ isFull: Bool) {
        guard wasFull.exchange(isFull, ordering: .relaxed) != isFull, isFull else { return }
        logger.warning("SQL filters of some groups are not kept over a restart: there are too many, or too large ones")
    }

    fileprivate static func isKept(_ subscription: SubscriptionData) -> Bool {
        subscription.expressionType == type && subscription.expression.utf8.count <= expressionBytesMax
    }

    /// Puts the filters of groups into a table; true when there was no room for all.
    private static func add(
        _ groups: [String: HeardGroup], to table: inout Table, nowMillis: Int64
    ) -> Bool {
        var isFull = false
        // Counted only where something comes.
        var counted: Room?
        for (name, group) in groups {
            for (topic, subscription) in group.subscriptions {
                let known = table[topic]?[name]
                let filter = filter(subscription, of: group, after: known, nowMillis: nowMillis)
                if known?.expression != filter.expression {
                    var room = counted ?? .besides(table)
                    if let known { room.free(known, topic: topic, group: name) }
                    let fits = room.take(filter, topic: topic, group: name)
                    counted = room
                    guard fits else {
                        isFull = true
                        table[topic]?[name] = nil
                        continue
                    }
                }
                table[topic, default: [:]][name] = filter
            }
        }
        return isFull
    }

    /// A group's filter by its subscription, which lives on for a while when its last member leaves.
    private static func filter(
        _ subscription: SubscriptionData, of group: HeardGroup, after known: Filter?, nowMillis: Int64
    ) -> Filter {
        var filter =
            known.flatMap { $0.expression == subscription.expression ? $0 : nil }
            ?? Filter(expression: subscription.expression, version: subscription.version, bornMillis: nowMillis)
        filter.version = subscription.version
        if group.hasMembers {
            filter.deadMillis = 0
        } else if filter.deadMillis == 0 {
            filter.deadMillis = max(nowMillis, filter.bornMillis)
        }
        return filter
    }

    /// Forgets what clients contradict, notes what nobody has any more, and forgets that after long.
    private static func age(_ table: inout Table, besides heard: [String: HeardGroup], nowMillis: Int64) {
        for (topic, groups) in table {
            for (group, filter) in groups {
                if let known = heard[group] {
                    if known.subscriptions[topic] == nil { table[topic]?[group] = nil }
                } else if filter.deadMillis == 0 {
                    table[topic]?[group]?.deadMillis = max(nowMillis, filter.bornMillis)
                } else if nowMillis - filter.deadMillis >= keptMillis {
                    table[topic]?[group] = nil
                }
            }
            if table[topic]?.isEmpty == true { table[topic] = nil }
        }
    }
}

// MARK: - The file

extension SavedFilters {
    private static let root = "filterDataByTopic"
    private static let members: Set<String> = [
        "bornTime", "clientVersion", "consumerGroup", "dead", "deadTime", "expression", "expressionType", "topic",
    ]

    private static func encode(_ table: Table) -> JSONValue {
        var topics: [String: JSONValue] = [:]
        for (topic, groups) in table {
            var filters: [String: JSONValue] = [:]
            for (group, filter) in groups { filters[group] = filter.json(topic: topic, group: group) }
            topics[topic] = ["groupFilterData": .object(JSONObject(sorted: filters) { $0 }), "topic": .string(topic)]
        }
        return [root: .object(JSONObject(sorted: topics) { $0 })]
    }

    private static func decode(_ json: JSONValue) throws(ModelError) -> (table: Table, isFull: Bool) {
        var table: Table = [:]
        var room = Room()
        var isFull = false
        for topic in try JSONFields(json, of: fileName).object(root) ?? JSONObject() {
            for group in try JSONFields(topic.value, of: fileName).object("groupFilterData") ?? JSONObject() {
                let fields = try JSONFields(group.value, of: fileName)
                guard try fields.string("expressionType") == type else { continue }
                // Nobody could come while no broker ran: a filter's last day begins anew, whatever deadTime says.
                var filter = Filter(
                    expression: try fields.requiredString("expression"),
                    version: try fields.int64("clientVersion", default: 0),
                    bornMillis: max(0, try fields.int64("bornTime", default: 0)))
                filter.others = (group.value.members ?? JSONObject()).members(besides: members)
                guard filter.expression.utf8.count <= expressionBytesMax,
                    room.take(filter, topic: topic.key.text, group: group.key.text)
                else {
                    isFull = true
                    continue
                }
                table[topic.key.text, default: [:]][group.key.text] = filter
            }
        }
        return (table, isFull)
    }
}

extension ClientTable {
    /// What clients say of groups that filter in SQL, and of those of `kept`.
    ///
    /// Groups whose subscriptions no heartbeat has told yet are as good as not there.
    package func sqlGroups(including kept: Set<String>) -> [String: SavedFilters.HeardGroup] {
        var groups: [String: SavedFilters.HeardGroup] = [:]
        for (name, group) in consumers where group.isSubscriptionKnown {
            let subscriptions = group.subscriptions.filter { SavedFilters.isKept($0.value) }
            guard !subscriptions.isEmpty || kept.contains(name) else { continue }
            groups[name] = SavedFilters.HeardGroup(
                hasMembers: !group.members.isEmpty, subscriptions: subscriptions)
        }
        return groups
    }
}

extension SavedFilters.Filter {
    /// About what it takes in memory and in the file, besides numbers and names of members.
    fileprivate func byteCount(topic: String, group: String) -> Int {
        let ours = 2 * (topic.utf8.count + group.utf8.count) + expression.utf8.count
        return others.isEmpty ? ours : ours + JSONValue.object(others).serialize().count
    }

    /// The form in the file and in answers.
    package func json(topic: String, group: String) -> JSONValue {
        let known: JSONObject = [
            "bornTime": .integer(bornMillis), "clientVersion": .integer(version), "consumerGroup": .string(group),
            "dead": .bool(deadMillis >= bornMillis), "deadTime": .integer(deadMillis),
            "expression": .string(expression), "expressionType": .string(SavedFilters.type), "topic": .string(topic),
        ]
        return .object(known.adding(others))
    }
}
