import MessageModel

/// The body of requests that list topics.
package struct TopicList: JSONBody, Hashable {
    /// The topics.
    package var topics: [String]
    /// Address of a broker, where the list comes from one.
    package var brokerAddress: String?

    /// A list of topics.
    package init(topics: [String], brokerAddress: String? = nil) {
        self.topics = topics
        self.brokerAddress = brokerAddress
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "topic list")
        self.init(topics: try fields.texts("topicList"), brokerAddress: try fields.string("brokerAddr"))
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        if let brokerAddress { object.append("brokerAddr", .string(brokerAddress)) }
        object.append("topicList", .texts(topics))
        return .object(object)
    }
}

/// The body of QUERY_TOPIC_CONSUME_BY_WHO: groups that consume a topic.
package struct GroupList: JSONBody, Hashable {
    /// The groups.
    package var groups: [String]

    /// A list of groups.
    package init(groups: [String]) {
        self.groups = groups
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        groups = try JSONFields(json, of: "group list").texts("groupList")
    }

    /// The JSON form.
    package var json: JSONValue { ["groupList": .texts(groups)] }
}

/// The body of GET_CONSUMER_LIST_BY_GROUP: the clients of a group.
package struct ConsumerIdList: JSONBody, Hashable {
    /// The ids of the clients.
    package var clientIds: [String]

    /// A list of clients.
    package init(clientIds: [String]) {
        self.clientIds = clientIds
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        clientIds = try JSONFields(json, of: "consumer list").texts("consumerIdList")
    }

    /// The JSON form.
    package var json: JSONValue { ["consumerIdList": .texts(clientIds)] }
}

/// A table of texts: order topics of REGISTER_BROKER, key-value namespaces, run-time figures.
package struct KVTable: JSONBody, Hashable {
    /// The entries.
    package var table: [String: String]

    /// A table.
    package init(_ table: [String: String] = [:]) {
        self.table = table
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        table = try JSONFields(json, of: "table").strings("table")
    }

    /// The JSON form.
    package var json: JSONValue { ["table": .object(JSONObject(sorted: table) { .string($0) })] }
}
