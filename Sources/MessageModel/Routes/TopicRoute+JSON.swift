extension QueueRoute {
    /// The form in route bodies.
    package var json: JSONValue {
        [
            "brokerName": .string(brokerName), "perm": .integer(Int64(permission.rawValue)),
            "readQueueNums": .integer(Int64(readQueueCount)), "topicSysFlag": .integer(Int64(topicSysFlag)),
            "writeQueueNums": .integer(Int64(writeQueueCount)),
        ]
    }

    /// Reads the form in route bodies.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "queue data")
        self.init(
            brokerName: try fields.requiredString("brokerName"),
            readQueueCount: try fields.int32("readQueueNums", default: 0),
            writeQueueCount: try fields.int32("writeQueueNums", default: 0),
            permission: TopicPermission(rawValue: try fields.int32("perm", default: 0)),
            topicSysFlag: try fields.int32("topicSysFlag", default: 0))
    }
}

extension BrokerRoute {
    /// The form in route and cluster bodies; serialise it with unquoted integer keys for old clients.
    package var json: JSONValue {
        var object = JSONObject()
        object.append("brokerAddrs", .object(JSONObject(sortedIntegers: addresses)))
        object.append("brokerName", .string(brokerName))
        object.append("cluster", .string(cluster))
        object.append("enableActingMaster", .bool(enableActingMaster))
        if let zoneName { object.append("zoneName", .string(zoneName)) }
        return .object(object)
    }

    /// Reads the form in route and cluster bodies.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "broker data")
        var addresses: [Int64: String] = [:]
        for member in try fields.object("brokerAddrs") ?? JSONObject() {
            guard let id = member.key.int64, let address = member.value.text else {
                throw ModelError(.invalidField, "brokerAddrs needs broker ids with addresses, not \(member.key.text)")
            }
            addresses[id] = address
        }
        self.init(
            cluster: try fields.string("cluster", default: ""), brokerName: try fields.requiredString("brokerName"),
            addresses: addresses, zoneName: try fields.string("zoneName"),
            enableActingMaster: try fields.bool("enableActingMaster", default: false))
    }
}

extension TopicRoute {
    /// The body of GET_ROUTEINFO_BY_TOPIC, keys in alphabetical order.
    package var json: JSONValue {
        var object = JSONObject()
        object.append("brokerDatas", .array(brokers.map(\.json)))
        object.append(
            "filterServerTable",
            .object(JSONObject(sorted: filterServers) { .array($0.map { .string($0) }) }))
        if let orderTopicConf { object.append("orderTopicConf", .string(orderTopicConf)) }
        object.append("queueDatas", .array(queues.map(\.json)))
        if let queueMappings {
            object.append("topicQueueMappingByBroker", .object(JSONObject(sorted: queueMappings) { $0 }))
        }
        return .object(object)
    }

    /// Reads the body of GET_ROUTEINFO_BY_TOPIC in either flavour.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "topic route")
        var route = TopicRoute(orderTopicConf: try fields.string("orderTopicConf"))
        for element in try fields.array("queueDatas") ?? [] { route.queues.append(try QueueRoute(json: element)) }
        for element in try fields.array("brokerDatas") ?? [] { route.brokers.append(try BrokerRoute(json: element)) }
        for member in try fields.object("filterServerTable") ?? JSONObject() {
            route.filterServers[member.key.text] = (member.value.elements ?? []).compactMap(\.text)
        }
        if let mappings = try fields.object("topicQueueMappingByBroker") {
            route.queueMappings = [:]
            for member in mappings { route.queueMappings?[member.key.text] = member.value }
        }
        self = route
    }
}
