import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec

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
    /// More are not kept.
    private static let countMax = 100_000
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

    // By topic, then group.
    private typealias Table = [String: [String: Filter]]

    private let file: RegistryFile
    private let logger: Logger
    private let table = NIOLockedValueBox<Table>([:])

    /// Loads the file. One that is damaged is passed over: heartbeats bring its content again.
    package init(storage: any RegistryStorage, logger: Logger) {
        file = RegistryFile(Self.fileName, in: storage, members: [Self.root], logger: logger)
        self.logger = logger
        do throws(BrokerError) {
            if let loaded = try file.load(Self.decode) { table.withLockedValue { $0 = loaded } }
        } catch {
            logger.error("SQL filters are not known until heartbeats come", metadata: ["error": "\(error)"])
        }
    }

    /// The filter that a group had last; nil when it is not kept, or not in SQL.
    package func filter(topic: String, group: String) -> Filter? { table.withLockedValue { $0[topic]?[group] } }

    /// Takes over what clients say, and saves it if anything changed. Blocks on the disk; one call at a time.
    package func save(_ clients: ClientTable, nowMillis: Int64) {
        let before = table.withLockedValue { $0 }
        var changed = before
        Self.age(&changed, besides: clients, nowMillis: nowMillis)
        var left = Self.countMax - changed.values.reduce(0) { $0 + $1.count }
        for (name, group) in clients.consumers {
            for subscription in group.subscriptions.values where Self.isKept(subscription) {
                let known = changed[subscription.topic]?[name]
                if known == nil {
                    guard left > 0 else { continue }
                    left -= 1
                }
                changed[subscription.topic, default: [:]][name] = Self.filter(
                    subscription, of: group, after: known, nowMillis: nowMillis)
            }
        }
        guard changed != before else { return }
        do throws(BrokerError) {
            try file.save(Self.encode(changed))
            table.withLockedValue { [changed] in $0 = changed }
        } catch {
            // The table stays as the file is, so that the next call tries again.
            logger.error("SQL filters could not be saved", metadata: ["error": "\(error)"])
        }
    }

    private static func isKept(_ subscription: SubscriptionData) -> Bool {
        subscription.expressionType == type && subscription.expression.utf8.count <= expressionBytesMax
    }

    /// A group's filter by its subscription, which lives on for a while when its last member leaves.
    private static func filter(
        _ subscription: SubscriptionData, of group: ClientTable.ConsumerGroup, after known: Filter?, nowMillis: Int64
    ) -> Filter {
        var filter =
            known.flatMap { $0.expression == subscription.expression ? $0 : nil }
            ?? Filter(expression: subscription.expression, version: subscription.version, bornMillis: nowMillis)
        filter.version = subscription.version
        if !group.members.isEmpty {
            filter.deadMillis = 0
        } else if filter.deadMillis == 0 {
            filter.deadMillis = max(nowMillis, filter.bornMillis)
        }
        return filter
    }

    /// Forgets what clients contradict, notes what nobody has any more, and forgets that after long.
    private static func age(_ table: inout Table, besides clients: ClientTable, nowMillis: Int64) {
        for (topic, groups) in table {
            for (group, filter) in groups {
                if let known = clients.consumers[group] {
                    if known.subscriptions[topic].map(isKept) != true { table[topic]?[group] = nil }
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

    private static func decode(_ json: JSONValue) throws(ModelError) -> Table {
        var table: Table = [:]
        for topic in try JSONFields(json, of: fileName).object(root) ?? JSONObject() {
            for group in try JSONFields(topic.value, of: fileName).object("groupFilterData") ?? JSONObject() {
                let fields = try JSONFields(group.value, of: fileName)
                guard try fields.string("expressionType") == type else { continue }
                var filter = Filter(
                    expression: try fields.requiredString("expression"),
                    version: try fields.int64("clientVersion", default: 0),
                    bornMillis: max(0, try fields.int64("bornTime", default: 0)),
                    deadMillis: max(0, try fields.int64("deadTime", default: 0)))
                filter.others = (group.value.members ?? JSONObject()).members(besides: members)
                table[topic.key.text, default: [:]][group.key.text] = filter
            }
        }
        return table
    }
}

extension SavedFilters.Filter {
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
