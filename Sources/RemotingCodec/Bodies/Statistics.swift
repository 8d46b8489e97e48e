import MessageModel

/// Where a group stands in one queue.
package struct OffsetWrapper: Sendable, Hashable {
    /// End of the queue.
    package var brokerOffset: Int64
    /// What the group has consumed.
    package var consumerOffset: Int64
    /// What the group has fetched.
    package var pullOffset: Int64
    /// Store time of the last consumed message; 0 when unknown.
    package var lastTimestampMillis: Int64

    /// A group's place in a queue.
    package init(
        brokerOffset: Int64 = 0, consumerOffset: Int64 = 0, pullOffset: Int64 = 0, lastTimestampMillis: Int64 = 0
    ) {
        self.brokerOffset = brokerOffset
        self.consumerOffset = consumerOffset
        self.pullOffset = pullOffset
        self.lastTimestampMillis = lastTimestampMillis
    }
}

/// The body of GET_CONSUME_STATS: a group's place in each of its queues.
package struct ConsumeStats: JSONBody, Hashable {
    /// Messages per second.
    package var consumeTps: Double
    /// Places by queue.
    package var offsets: [MessageQueue: OffsetWrapper]

    /// A group's figures.
    package init(consumeTps: Double = 0, offsets: [MessageQueue: OffsetWrapper] = [:]) {
        self.consumeTps = consumeTps
        self.offsets = offsets
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consume stats")
        self.init(consumeTps: fields.value("consumeTps")?.double ?? 0)
        for member in try fields.object("offsetTable") ?? JSONObject() {
            let entry = try JSONFields(member.value, of: "consume stats")
            offsets[try MessageQueue(key: member.key)] = OffsetWrapper(
                brokerOffset: try entry.int64("brokerOffset", default: 0),
                consumerOffset: try entry.int64("consumerOffset", default: 0),
                pullOffset: try entry.int64("pullOffset", default: 0),
                lastTimestampMillis: try entry.int64("lastTimestamp", default: 0))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        let table = JSONObject(queues: offsets) { offset in
            [
                "brokerOffset": .integer(offset.brokerOffset), "consumerOffset": .integer(offset.consumerOffset),
                "lastTimestamp": .integer(offset.lastTimestampMillis), "pullOffset": .integer(offset.pullOffset),
            ]
        }
        return ["consumeTps": .double(consumeTps), "offsetTable": .object(table)]
    }
}

/// The extent of one queue.
package struct TopicOffset: Sendable, Hashable {
    /// Start of the queue.
    package var minOffset: Int64
    /// End of the queue.
    package var maxOffset: Int64
    /// Store time of the last message; 0 when there is none.
    package var lastUpdateTimestampMillis: Int64

    /// A queue's extent.
    package init(minOffset: Int64 = 0, maxOffset: Int64 = 0, lastUpdateTimestampMillis: Int64 = 0) {
        self.minOffset = minOffset
        self.maxOffset = maxOffset
        self.lastUpdateTimestampMillis = lastUpdateTimestampMillis
    }
}

/// The body of GET_TOPIC_STATS_INFO: the extent of a topic's queues.
package struct TopicStats: JSONBody, Hashable {
    /// Extents by queue.
    package var offsets: [MessageQueue: TopicOffset]
    /// Messages per second; newer brokers only.
    package var putTps: Double?

    /// A topic's figures.
    package init(offsets: [MessageQueue: TopicOffset] = [:], putTps: Double? = nil) {
        self.offsets = offsets
        self.putTps = putTps
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "topic stats")
        self.init(putTps: fields.value("topicPutTps")?.double)
        for member in try fields.object("offsetTable") ?? JSONObject() {
            let entry = try JSONFields(member.value, of: "topic stats")
            offsets[try MessageQueue(key: member.key)] = TopicOffset(
                minOffset: try entry.int64("minOffset", default: 0),
                maxOffset: try entry.int64("maxOffset", default: 0),
                lastUpdateTimestampMillis: try entry.int64("lastUpdateTimestamp", default: 0))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        let table = JSONObject(queues: offsets) { offset in
            [
                "lastUpdateTimestamp": .integer(offset.lastUpdateTimestampMillis),
                "maxOffset": .integer(offset.maxOffset), "minOffset": .integer(offset.minOffset),
            ]
        }
        var object = JSONObject()
        object.append("offsetTable", .object(table))
        if let putTps { object.append("topicPutTps", .double(putTps)) }
        return .object(object)
    }
}

extension JSONObject {
    /// An object with queues as keys, sorted by topic, broker and queue.
    init<Value>(queues table: [MessageQueue: Value], _ transform: (Value) -> JSONValue) {
        self.init()
        let sorted = table.sorted { left, right in
            (left.key.topic, left.key.brokerName, left.key.queueId)
                < (right.key.topic, right.key.brokerName, right.key.queueId)
        }
        for (queue, value) in sorted { append(.value(queue.json), transform(value)) }
    }
}
