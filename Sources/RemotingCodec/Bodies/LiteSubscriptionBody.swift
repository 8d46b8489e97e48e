import MessageModel

/// The request body of LITE_SUBSCRIPTION_CTL (200071).
package struct LiteSubscriptionBody: JSONBody, Hashable {
    /// What one client does.
    package struct Entry: Hashable, Sendable {
        /// What it does to its set; nil for a name that this version does not know.
        package var action: LiteSubscriptionAction?
        /// The client.
        package var clientId: String
        /// Its group.
        package var group: String
        /// The parent topic.
        package var topic: String
        /// Own names of lite topics.
        package var liteTopics: [String]
        /// Where new subscriptions begin.
        package var start: LiteStart

        /// An entry.
        package init(
            action: LiteSubscriptionAction?, clientId: String, group: String, topic: String, liteTopics: [String],
            start: LiteStart = .last
        ) {
            self.action = action
            self.clientId = clientId
            self.group = group
            self.topic = topic
            self.liteTopics = liteTopics
            self.start = start
        }
    }

    /// What clients do, in this order.
    package var entries: [Entry]

    /// A request.
    package init(entries: [Entry]) { self.entries = entries }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        entries = []
        for element in try JSONFields(json, of: "lite subscriptions").array("subscriptionSet") ?? [] {
            let fields = try JSONFields(element, of: "lite subscription")
            entries.append(
                Entry(
                    action: LiteSubscriptionAction(rawValue: try fields.string("action", default: "")),
                    clientId: try fields.string("clientId", default: ""),
                    group: try fields.string("group", default: ""), topic: try fields.string("topic", default: ""),
                    liteTopics: try fields.texts("liteTopicSet"),
                    start: try fields.value("offsetOption").map(Self.start) ?? .last))
        }
    }

    private static func start(_ json: JSONValue) throws(ModelError) -> LiteStart {
        let fields = try JSONFields(json, of: "offset option")
        let value = try fields.int64("value", default: 0)
        switch try fields.string("type", default: "") {
        case "POLICY": return value == 1 ? .earliest : value == 2 ? .latest : .last
        case "OFFSET": return .offset(value)
        case "TAIL_N": return .back(value)
        case "TIMESTAMP": return .timestamp(millis: value)
        default: return .last
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "subscriptionSet": .array(
                entries.map { entry in
                    var object: JSONObject = [
                        "clientId": .string(entry.clientId), "group": .string(entry.group),
                        "liteTopicSet": .texts(entry.liteTopics), "topic": .string(entry.topic), "version": .integer(0),
                    ]
                    if let action = entry.action { object.append("action", .string(action.rawValue)) }
                    if let option = Self.option(entry.start) { object.append("offsetOption", option) }
                    return .object(object)
                })
        ]
    }

    private static func option(_ start: LiteStart) -> JSONValue? {
        func option(_ type: String, _ value: Int64) -> JSONValue { ["type": .string(type), "value": .integer(value)] }
        return switch start {
        case .last: nil
        case .earliest: option("POLICY", 1)
        case .latest: option("POLICY", 2)
        case .offset(let offset): option("OFFSET", offset)
        case .back(let count): option("TAIL_N", count)
        case .timestamp(let millis): option("TIMESTAMP", millis)
        }
    }
}
