import MessageModel

/// A broker's topics with their version: the body of GET_ALL_TOPIC_CONFIG and the core of REGISTER_BROKER.
package struct TopicConfigTable: JSONBody, Hashable {
    /// Changes whenever a topic does.
    package var dataVersion: DataVersion
    /// Topics by name.
    package var topics: [String: TopicConfig]
    /// Members about static topics, kept as they came.
    package var mappings: JSONObject

    private static let mappingKeys = [
        "mappingDataVersion", "topicQueueMappingDetailMap", "topicQueueMappingInfoMap",
    ]

    /// A broker's topics.
    package init(
        dataVersion: DataVersion = DataVersion(), topics: [String: TopicConfig] = [:],
        mappings: JSONObject = JSONObject()
    ) {
        self.dataVersion = dataVersion
        self.topics = topics
        self.mappings = mappings
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "topic table")
        self.init()
        if let version = fields.value("dataVersion") { dataVersion = try DataVersion(json: version) }
        for member in try fields.object("topicConfigTable") ?? JSONObject() {
            topics[member.key.text] = try TopicConfig(json: member.value, name: member.key.text)
        }
        for key in Self.mappingKeys {
            if let value = fields.value(key) { mappings.append(key, value) }
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        object.append("dataVersion", dataVersion.json)
        if let version = mappings["mappingDataVersion"] { object.append("mappingDataVersion", version) }
        object.append("topicConfigTable", .object(JSONObject(sorted: topics) { $0.json }))
        for key in Self.mappingKeys.dropFirst() {
            if let value = mappings[key] { object.append(key, value) }
        }
        return .object(object)
    }
}

/// A broker's consumer groups with their version: the body of GET_ALL_SUBSCRIPTIONGROUP_CONFIG.
package struct SubscriptionGroupTable: JSONBody, Hashable {
    /// Changes whenever a group does.
    package var dataVersion: DataVersion
    /// Groups by name.
    package var groups: [String: SubscriptionGroupConfig]
    /// What is forbidden by group and topic, in bits.
    package var forbidden: [String: [String: Int32]]

    /// A broker's groups.
    package init(
        dataVersion: DataVersion = DataVersion(), groups: [String: SubscriptionGroupConfig] = [:],
        forbidden: [String: [String: Int32]] = [:]
    ) {
        self.dataVersion = dataVersion
        self.groups = groups
        self.forbidden = forbidden
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "group table")
        self.init()
        if let version = fields.value("dataVersion") { dataVersion = try DataVersion(json: version) }
        for member in try fields.object("subscriptionGroupTable") ?? JSONObject() {
            groups[member.key.text] = try SubscriptionGroupConfig(json: member.value, name: member.key.text)
        }
        for member in try fields.object("forbiddenTable") ?? JSONObject() {
            for entry in member.value.members ?? JSONObject() {
                forbidden[member.key.text, default: [:]][entry.key.text] = entry.value.int32
            }
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "dataVersion": dataVersion.json,
            "forbiddenTable": .object(
                JSONObject(sorted: forbidden) { .object(JSONObject(sorted: $0) { .integer(Int64($0)) }) }),
            "subscriptionGroupTable": .object(JSONObject(sorted: groups) { $0.json }),
        ]
    }
}
