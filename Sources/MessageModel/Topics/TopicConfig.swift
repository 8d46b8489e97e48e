/// How a topic treats tags; kept for the wire, nothing depends on it.
package enum TopicFilterType: String, Hashable, Sendable {
    case singleTag = "SINGLE_TAG"
    case multiTag = "MULTI_TAG"
}

/// Names of topic attributes and group attributes.
package enum AttributeName {
    package static let messageType = "message.type"
    package static let queueType = "queue.type"
    package static let cleanupPolicy = "cleanup.policy"
    package static let reserveTime = "reserve.time"
    package static let liteTopicExpiration = "lite.topic.expiration"
    package static let priorityFactor = "priority.factor"
    package static let liteBindTopic = "lite.bind.topic"
    package static let liteSubscriptionModel = "lite.sub.model"
    package static let liteResetsOnTakeover = "lite.sub.reset.offset.exclusive"
    package static let liteResetsOnUnsubscribe = "lite.sub.reset.offset.unsubscribe"
    package static let liteClientQuota = "lite.sub.client.quota"
    package static let liteClientEventsMax = "lite.sub.client.max.event.cnt"
    package static let liteWildcard = "lite.sub.wildcard"
}

/// A topic on one broker.
package struct TopicConfig: Hashable, Sendable {
    package var name: String
    package var readQueueCount: Int32
    package var writeQueueCount: Int32
    package var permission: TopicPermission
    package var filterType: TopicFilterType
    /// Unit bits: 1 unit, 2 unit subscription.
    package var sysFlag: Int32
    package var isOrdered: Bool
    /// Attribute names without `+`.
    package var attributes: [String: String]
    /// Members that this version does not know, kept for the one that wrote them into `topics.json`.
    package var unknownMembers = JSONObject()

    /// Makes a topic with Apache's defaults.
    package init(
        name: String, readQueueCount: Int32 = 16, writeQueueCount: Int32 = 16,
        permission: TopicPermission = .readWrite, filterType: TopicFilterType = .singleTag, sysFlag: Int32 = 0,
        isOrdered: Bool = false, attributes: [String: String] = [:]
    ) {
        self.name = name
        self.readQueueCount = readQueueCount
        self.writeQueueCount = writeQueueCount
        self.permission = permission
        self.filterType = filterType
        self.sysFlag = sysFlag
        self.isOrdered = isOrdered
        self.attributes = attributes
    }

    /// The kind of messages it takes: `NORMAL` unless an attribute says otherwise.
    package var messageType: TopicMessageType {
        get {
            guard let text = attributes[AttributeName.messageType] else { return .normal }
            return TopicMessageType(rawValue: text) ?? .unspecified
        }
        set { attributes[AttributeName.messageType] = newValue.rawValue }
    }

    /// The queue ids in use: as many as the larger of the two counts.
    package var queueCount: Int32 { max(readQueueCount, writeQueueCount) }
}

extension TopicConfig {
    /// The form in bodies and `topics.json`.
    package var json: JSONValue { .object(knownMembers.adding(unknownMembers)) }

    private static let knownNames = Set(TopicConfig(name: "").knownMembers.map(\.key.text))

    private var knownMembers: JSONObject {
        [
            "attributes": .object(JSONObject(sorted: attributes) { .string($0) }),
            "order": .bool(isOrdered),
            "perm": .integer(Int64(permission.rawValue)),
            "readQueueNums": .integer(Int64(readQueueCount)),
            "topicFilterType": .string(filterType.rawValue),
            "topicName": .string(name),
            "topicSysFlag": .integer(Int64(sysFlag)),
            "writeQueueNums": .integer(Int64(writeQueueCount)),
        ]
    }

    /// Reads the form in bodies and `topics.json`; `name` is the key of the table it stands in.
    package init(json: JSONValue, name: String? = nil) throws(ModelError) {
        let isInTable = name != nil
        let fields = try JSONFields(json, of: name.map { "topic \($0)" } ?? "topic")
        guard let name = try fields.string("topicName") ?? name else {
            throw ModelError(.invalidField, "topic: topicName is missing")
        }
        self.init(
            name: name,
            readQueueCount: try fields.int32("readQueueNums", default: 16),
            writeQueueCount: try fields.int32("writeQueueNums", default: 16),
            permission: TopicPermission(rawValue: try fields.int32("perm", default: 6)),
            filterType: TopicFilterType(rawValue: try fields.string("topicFilterType", default: "")) ?? .singleTag,
            sysFlag: try fields.int32("topicSysFlag", default: 0),
            isOrdered: try fields.bool("order", default: false),
            attributes: try fields.strings("attributes"))
        if isInTable { unknownMembers = fields.members.members(besides: Self.knownNames) }
    }

    /// The blank-separated form inside a compressed REGISTER_BROKER body: `name read write perm filter {attributes}`.
    package var compactText: String {
        let attributes = JSONValue.object(JSONObject(sorted: attributes) { .string($0) }).serializedText
        return
            "\(name) \(readQueueCount) \(writeQueueCount) \(permission.rawValue) \(filterType.rawValue) \(attributes)"
    }

    /// Reads the blank-separated form; the attributes may be missing, as old brokers write it.
    package init(compactText: String) throws(ModelError) {
        let parts = compactText.split(separator: " ", maxSplits: 5)
        guard parts.count >= 5, let read = Int32(parts[1]), let write = Int32(parts[2]),
            let permission = Int32(parts[3])
        else { throw ModelError(.invalidField, "not a topic: \(compactText.prefix(200))") }
        var attributes: [String: String] = [:]
        if parts.count == 6, parts[5].utf8.contains(where: { $0 > 0x20 }) {
            let wrapped: JSONValue = ["attributes": try JSONValue(parsing: parts[5].utf8)]
            attributes = try JSONFields(wrapped, of: "topic \(parts[0])").strings("attributes")
        }
        self.init(
            name: String(parts[0]), readQueueCount: read, writeQueueCount: write,
            permission: TopicPermission(rawValue: permission),
            filterType: TopicFilterType(rawValue: String(parts[4])) ?? .singleTag, attributes: attributes)
    }
}
