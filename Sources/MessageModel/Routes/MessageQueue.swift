/// One queue of a topic on one broker.
package struct MessageQueue: Hashable, Sendable {
    package var topic: String
    package var brokerName: String
    package var queueId: Int32

    /// Makes a queue name.
    package init(topic: String, brokerName: String, queueId: Int32) {
        self.topic = topic
        self.brokerName = brokerName
        self.queueId = queueId
    }
}

extension MessageQueue {
    /// The form in bodies: `{"brokerName":…,"queueId":…,"topic":…}`.
    package var json: JSONValue {
        ["brokerName": .string(brokerName), "queueId": .integer(Int64(queueId)), "topic": .string(topic)]
    }

    /// Reads the form in bodies; also a JSON string that holds it, as some clients key their maps.
    package init(json: JSONValue) throws(ModelError) {
        var value = json
        if case .string(let text) = json { value = try JSONValue(parsing: text.utf8) }
        let fields = try JSONFields(value, of: "message queue")
        self.init(
            topic: try fields.requiredString("topic"), brokerName: try fields.string("brokerName", default: ""),
            queueId: try fields.int32("queueId", default: 0))
    }

    /// Reads the key of a map of queues, in any of the forms peers write.
    package init(key: JSONKey) throws(ModelError) {
        switch key {
        case .value(let value): try self.init(json: value)
        case .text(let text): try self.init(json: .string(text))
        case .integer(let number): throw ModelError(.invalidField, "a message queue is expected, not \(number)")
        }
    }
}
