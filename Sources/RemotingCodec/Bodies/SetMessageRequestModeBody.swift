import MessageModel

/// The request body of SET_MESSAGE_REQUEST_MODE, and an entry of `messageRequestMode.json`.
package struct SetMessageRequestModeBody: JSONBody, Hashable {
    /// The topic.
    package var topic: String
    /// The group.
    package var consumerGroup: String
    /// How the group fetches the topic.
    package var mode: MessageRequestMode
    /// With how many others a popping member shares its queues.
    package var popShareQueueCount: Int32

    /// A setting.
    package init(topic: String, consumerGroup: String, mode: MessageRequestMode, popShareQueueCount: Int32 = 0) {
        self.topic = topic
        self.consumerGroup = consumerGroup
        self.mode = mode
        self.popShareQueueCount = popShareQueueCount
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "message request mode")
        let name = try fields.string("mode", default: "PULL")
        guard let mode = MessageRequestMode(rawValue: name) else {
            throw ModelError(.invalidField, "message request mode: \(name) is neither PULL nor POP")
        }
        self.init(
            topic: try fields.requiredString("topic"), consumerGroup: try fields.requiredString("consumerGroup"),
            mode: mode, popShareQueueCount: try fields.int32("popShareQueueNum", default: 0))
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "consumerGroup": .string(consumerGroup), "mode": .string(mode.rawValue),
            "popShareQueueNum": .integer(Int64(popShareQueueCount)), "topic": .string(topic),
        ]
    }
}
