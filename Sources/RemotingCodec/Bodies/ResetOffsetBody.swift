import MessageModel

/// The body of the answer to INVOKE_BROKER_TO_RESET_OFFSET, and of RESET_CONSUMER_CLIENT_OFFSET: new offsets by queue.
package struct ResetOffsetBody: JSONBody, Hashable {
    /// Offsets by queue.
    package var offsets: [MessageQueue: Int64]

    /// A body.
    package init(offsets: [MessageQueue: Int64]) {
        self.offsets = offsets
    }

    /// Reads the JSON form, with objects as keys.
    package init(json: JSONValue) throws(ModelError) {
        offsets = [:]
        for member in try JSONFields(json, of: "reset offsets").object("offsetTable") ?? JSONObject() {
            guard let offset = member.value.int64 else {
                throw ModelError(.invalidField, "reset offsets: an offset is not a number")
            }
            offsets[try MessageQueue(key: member.key)] = offset
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        var table = JSONObject()
        for (queue, offset) in sorted { table.append(.value(queue.json), .integer(offset)) }
        return ["offsetTable": .object(table)]
    }

    /// The form for clients in C++, which read a list.
    package var listJSON: JSONValue {
        [
            "offsetTable": .array(
                sorted.map { queue, offset in
                    [
                        "brokerName": .string(queue.brokerName), "offset": .integer(offset),
                        "queueId": .integer(Int64(queue.queueId)), "topic": .string(queue.topic),
                    ]
                })
        ]
    }

    private var sorted: [(MessageQueue, Int64)] {
        offsets.sorted { ($0.key.topic, $0.key.queueId) < ($1.key.topic, $1.key.queueId) }.map { ($0.key, $0.value) }
    }
}
