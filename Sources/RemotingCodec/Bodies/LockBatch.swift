import MessageModel

/// The request body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ.
package struct LockBatchRequestBody: JSONBody, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The client that consumes in order.
    package var clientId: String
    /// The queues.
    package var queues: [MessageQueue]
    /// Whether the lock need not hold on the other members of the broker's group.
    package var onlyThisBroker: Bool

    /// A request.
    package init(consumerGroup: String, clientId: String, queues: [MessageQueue], onlyThisBroker: Bool = false) {
        self.consumerGroup = consumerGroup
        self.clientId = clientId
        self.queues = queues
        self.onlyThisBroker = onlyThisBroker
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "queue locks")
        var queues: [MessageQueue] = []
        for element in try fields.array("mqSet") ?? [] { queues.append(try MessageQueue(json: element)) }
        self.init(
            consumerGroup: try fields.requiredString("consumerGroup"), clientId: try fields.requiredString("clientId"),
            queues: queues, onlyThisBroker: try fields.bool("onlyThisBroker", default: false))
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "clientId": .string(clientId), "consumerGroup": .string(consumerGroup),
            "mqSet": .array(queues.map(\.json)), "onlyThisBroker": .bool(onlyThisBroker),
        ]
    }
}

/// The response body of LOCK_BATCH_MQ.
package struct LockBatchResponseBody: JSONBody, Hashable {
    /// The queues that the client holds.
    package var lockedQueues: [MessageQueue]

    /// An answer.
    package init(lockedQueues: [MessageQueue]) {
        self.lockedQueues = lockedQueues
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        lockedQueues = []
        for element in try JSONFields(json, of: "locked queues").array("lockOKMQSet") ?? [] {
            lockedQueues.append(try MessageQueue(json: element))
        }
    }

    /// The JSON form.
    package var json: JSONValue { ["lockOKMQSet": .array(lockedQueues.map(\.json))] }
}
