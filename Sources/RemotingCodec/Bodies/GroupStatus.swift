import MessageModel

/// The body of INVOKE_BROKER_TO_GET_CONSUMER_STATUS and of the client's answer to GET_CONSUMER_STATUS_FROM_CLIENT: how
/// far the clients of a group are.
package struct ConsumerStatus: JSONBody, Hashable {
    /// Offsets by client and queue; the broker's answer.
    package var offsetsByClient: [String: [MessageQueue: Int64]]
    /// Offsets of one client by queue; the client's answer.
    package var offsets: [MessageQueue: Int64]

    /// A status.
    package init(
        offsetsByClient: [String: [MessageQueue: Int64]] = [:], offsets: [MessageQueue: Int64] = [:]
    ) {
        self.offsetsByClient = offsetsByClient
        self.offsets = offsets
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consumer status")
        self.init()
        for member in try fields.object("consumerTable") ?? JSONObject() {
            offsetsByClient[member.key.text] = try Self.queues(member.value.members ?? JSONObject())
        }
        offsets = try Self.queues(try fields.object("messageQueueTable") ?? JSONObject())
    }

    private static func queues(_ object: JSONObject) throws(ModelError) -> [MessageQueue: Int64] {
        var table: [MessageQueue: Int64] = [:]
        for member in object { table[try MessageQueue(key: member.key)] = member.value.int64 }
        return table
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "consumerTable": .object(
                JSONObject(sorted: offsetsByClient) { .object(JSONObject(queues: $0) { .integer($0) }) }),
            "messageQueueTable": .object(JSONObject(queues: offsets) { .integer($0) }),
        ]
    }
}

/// When the messages of one queue were stored, and where a group is.
package struct QueueTimeSpan: JSONBody, Hashable {
    /// The queue.
    package var queue: MessageQueue
    /// Store time of the oldest message, milliseconds since 1970; -1 when there is none.
    package var minMillis: Int64
    /// Store time of the newest message.
    package var maxMillis: Int64
    /// Store time of the last message that the group consumed.
    package var consumedMillis: Int64
    /// Age of the oldest message that the group has not consumed; 0 when it has consumed all.
    package var delayMillis: Int64

    /// A span.
    package init(
        queue: MessageQueue, minMillis: Int64, maxMillis: Int64, consumedMillis: Int64, delayMillis: Int64
    ) {
        self.queue = queue
        self.minMillis = minMillis
        self.maxMillis = maxMillis
        self.consumedMillis = consumedMillis
        self.delayMillis = delayMillis
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "time span")
        self.init(
            queue: try MessageQueue(json: fields.value("messageQueue") ?? .null),
            minMillis: try fields.int64("minTimeStamp", default: 0),
            maxMillis: try fields.int64("maxTimeStamp", default: 0),
            consumedMillis: try fields.int64("consumeTimeStamp", default: 0),
            delayMillis: try fields.int64("delayTime", default: 0))
    }

    /// The JSON form; times also as text, in UTC.
    package var json: JSONValue {
        [
            "consumeTimeStamp": .integer(consumedMillis),
            "consumeTimeStampStr": .string(UTCText.stamp(millis: consumedMillis)),
            "delayTime": .integer(delayMillis), "maxTimeStamp": .integer(maxMillis),
            "maxTimeStampStr": .string(UTCText.stamp(millis: maxMillis)), "messageQueue": queue.json,
            "minTimeStamp": .integer(minMillis), "minTimeStampStr": .string(UTCText.stamp(millis: minMillis)),
        ]
    }
}

/// The body of QUERY_CONSUME_TIME_SPAN.
package struct ConsumeTimeSpans: JSONBody, Hashable {
    /// One span a queue.
    package var spans: [QueueTimeSpan]

    /// Spans.
    package init(_ spans: [QueueTimeSpan]) { self.spans = spans }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        spans = []
        for element in try JSONFields(json, of: "time spans").array("consumeTimeSpanSet") ?? [] {
            spans.append(try QueueTimeSpan(json: element))
        }
    }

    /// The JSON form.
    package var json: JSONValue { ["consumeTimeSpanSet": .array(spans.map(\.json))] }
}

/// The body of GET_BROKER_CONSUME_STATS: the progress of all groups of a broker.
package struct ConsumeStatsList: JSONBody, Hashable {
    /// A group with the figures of its topics.
    package struct Group: Sendable, Hashable {
        /// The group.
        package var name: String
        /// One entry a topic.
        package var topics: [ConsumeStats]

        /// A group's figures.
        package init(name: String, topics: [ConsumeStats]) {
            self.name = name
            self.topics = topics
        }
    }

    /// The broker's address.
    package var brokerAddress: String
    /// All groups.
    package var groups: [Group]
    /// Messages not consumed yet, over all groups.
    package var behind: Int64
    /// Messages handed out and not consumed yet, over all groups.
    package var inFlight: Int64

    /// A broker's figures.
    package init(brokerAddress: String, groups: [Group], behind: Int64 = 0, inFlight: Int64 = 0) {
        self.brokerAddress = brokerAddress
        self.groups = groups
        self.behind = behind
        self.inFlight = inFlight
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consume stats list")
        self.init(
            brokerAddress: try fields.string("brokerAddr", default: ""), groups: [],
            behind: try fields.int64("totalDiff", default: 0),
            inFlight: try fields.int64("totalInflightDiff", default: 0))
        for element in try fields.array("consumeStatsList") ?? [] {
            for member in element.members ?? JSONObject() {
                var group = Group(name: member.key.text, topics: [])
                for stats in member.value.elements ?? [] { group.topics.append(try ConsumeStats(json: stats)) }
                groups.append(group)
            }
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        let list = groups.map { group -> JSONValue in
            var object = JSONObject()
            object.append(group.name, .array(group.topics.map(\.json)))
            return .object(object)
        }
        return [
            "brokerAddr": .string(brokerAddress), "consumeStatsList": .array(list), "totalDiff": .integer(behind),
            "totalInflightDiff": .integer(inFlight),
        ]
    }
}
