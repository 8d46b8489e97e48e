import MessageModel

/// The request body of QUERY_ASSIGNMENT.
package struct QueryAssignmentRequestBody: JSONBody, Hashable {
    /// The topic.
    package var topic: String
    /// The group.
    package var consumerGroup: String
    /// The client that asks.
    package var clientId: String
    /// How to share queues.
    package var strategyName: String
    /// Whether members share the messages.
    package var messageModel: GroupMessageModel

    /// A request.
    package init(
        topic: String, consumerGroup: String, clientId: String, strategyName: String = "AVG",
        messageModel: GroupMessageModel = .clustering
    ) {
        self.topic = topic
        self.consumerGroup = consumerGroup
        self.clientId = clientId
        self.strategyName = strategyName
        self.messageModel = messageModel
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "assignment query")
        self.init(
            topic: try fields.requiredString("topic"), consumerGroup: try fields.requiredString("consumerGroup"),
            clientId: try fields.string("clientId", default: ""),
            strategyName: try fields.string("strategyName", default: "AVG"),
            messageModel: try fields.string("messageModel").flatMap(GroupMessageModel.init(rawValue:)) ?? .clustering)
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "clientId": .string(clientId), "consumerGroup": .string(consumerGroup),
            "messageModel": .string(messageModel.rawValue), "strategyName": .string(strategyName),
            "topic": .string(topic),
        ]
    }
}

/// How a client has to fetch a queue.
package enum MessageRequestMode: String, Sendable, CaseIterable {
    case pull = "PULL"
    case pop = "POP"
}

/// The response body of QUERY_ASSIGNMENT.
package struct QueryAssignmentResponseBody: JSONBody, Hashable {
    /// A queue for the client.
    package struct Assignment: Sendable, Hashable {
        /// The queue; id -1 stands for all of a broker's queues.
        package var queue: MessageQueue
        /// How to fetch it.
        package var mode: MessageRequestMode

        /// An assignment.
        package init(queue: MessageQueue, mode: MessageRequestMode) {
            self.queue = queue
            self.mode = mode
        }
    }

    /// The client's queues.
    package var assignments: [Assignment]

    /// An answer.
    package init(assignments: [Assignment]) {
        self.assignments = assignments
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        assignments = []
        for element in try JSONFields(json, of: "assignments").array("messageQueueAssignments") ?? [] {
            let fields = try JSONFields(element, of: "assignment")
            assignments.append(
                Assignment(
                    queue: try MessageQueue(json: fields.value("messageQueue") ?? .null),
                    mode: try fields.string("mode").flatMap(MessageRequestMode.init(rawValue:)) ?? .pull))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "messageQueueAssignments": .array(
                assignments.map { ["messageQueue": $0.queue.json, "mode": .string($0.mode.rawValue)] })
        ]
    }
}
