import MessageModel

/// One client that is connected to a broker.
package struct ClientConnection: JSONBody, Hashable {
    /// Id of the client.
    package var clientId: String
    /// Its address.
    package var address: String
    /// Its language.
    package var language: LanguageCode
    /// Its version.
    package var version: Int32

    /// A connected client.
    package init(clientId: String, address: String, language: LanguageCode, version: Int32) {
        self.clientId = clientId
        self.address = address
        self.language = language
        self.version = version
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "connection")
        self.init(
            clientId: try fields.string("clientId", default: ""), address: try fields.string("clientAddr", default: ""),
            language: LanguageCode(name: try fields.string("language", default: "")) ?? .other,
            version: try fields.int32("version", default: 0))
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "clientAddr": .string(address), "clientId": .string(clientId), "language": .string(language.name),
            "version": .integer(Int64(version)),
        ]
    }
}

/// The body of GET_CONSUMER_CONNECTION_LIST: the clients and subscriptions of a group.
package struct ConsumerConnections: JSONBody, Hashable {
    /// The connected clients.
    package var connections: [ClientConnection]
    /// Subscriptions by topic.
    package var subscriptions: [String: SubscriptionData]
    /// How the group gets messages.
    package var consumeType: ConsumeType?
    /// Whether members share the messages.
    package var messageModel: GroupMessageModel?
    /// Where it started when it was new.
    package var consumeFromWhere: ConsumeFromWhere?
    /// What is wrong with the group, in sentences. Not in Apache's body; its tools pass over it.
    package var warnings: [String] = []

    /// A group's connections.
    package init(
        connections: [ClientConnection] = [], subscriptions: [String: SubscriptionData] = [:],
        consumeType: ConsumeType? = nil, messageModel: GroupMessageModel? = nil,
        consumeFromWhere: ConsumeFromWhere? = nil
    ) {
        self.connections = connections
        self.subscriptions = subscriptions
        self.consumeType = consumeType
        self.messageModel = messageModel
        self.consumeFromWhere = consumeFromWhere
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consumer connection")
        self.init(
            consumeType: try fields.string("consumeType").flatMap(ConsumeType.init(rawValue:)),
            messageModel: try fields.string("messageModel").flatMap(GroupMessageModel.init(rawValue:)),
            consumeFromWhere: try fields.string("consumeFromWhere").flatMap(ConsumeFromWhere.init(rawValue:)))
        for element in try fields.array("connectionSet") ?? [] {
            connections.append(try ClientConnection(json: element))
        }
        warnings = try fields.texts("warnings")
        for member in try fields.object("subscriptionTable") ?? JSONObject() {
            subscriptions[member.key.text] = try SubscriptionData(json: member.value)
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        object.append("connectionSet", .array(connections.map(\.json)))
        if let consumeFromWhere { object.append("consumeFromWhere", .string(consumeFromWhere.rawValue)) }
        if let consumeType { object.append("consumeType", .string(consumeType.rawValue)) }
        if let messageModel { object.append("messageModel", .string(messageModel.rawValue)) }
        object.append("subscriptionTable", .object(JSONObject(sorted: subscriptions) { $0.json }))
        if !warnings.isEmpty { object.append("warnings", .texts(warnings)) }
        return .object(object)
    }
}

/// The body of GET_PRODUCER_CONNECTION_LIST: the clients of a producer group.
package struct ProducerConnections: JSONBody, Hashable {
    /// The connected clients.
    package var connections: [ClientConnection]

    /// A group's connections.
    package init(connections: [ClientConnection]) {
        self.connections = connections
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        connections = []
        for element in try JSONFields(json, of: "producer connection").array("connectionSet") ?? [] {
            connections.append(try ClientConnection(json: element))
        }
    }

    /// The JSON form.
    package var json: JSONValue { ["connectionSet": .array(connections.map(\.json))] }
}
