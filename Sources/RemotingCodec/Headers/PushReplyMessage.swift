/// Request header of PUSH_REPLY_MESSAGE_TO_CLIENT (326).
package struct PushReplyMessageRequestHeader: RemotingHeader, Hashable {
    /// The producer group.
    package var producerGroup: String
    /// The topic.
    package var topic: String
    /// The topic to copy from.
    package var defaultTopic: String
    /// Queues of a topic that is created on the way.
    package var defaultTopicQueueCount: Int32
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// Bits that change how the request is served.
    package var sysFlag: Int32
    /// When the message was born.
    package var bornTimestampMillis: Int64
    /// Flag of the user.
    package var flag: Int32
    /// The property string.
    package var properties: String?
    /// Earlier delivery attempts.
    package var reconsumeTimes: Int32?
    /// Whether the group works in units.
    package var unitMode: Bool?
    /// Address of the producer.
    package var bornHost: String
    /// Address of the broker.
    package var storeHost: String
    /// When the message was stored.
    package var storeTimestampMillis: Int64

    /// A header to send.
    package init(
        producerGroup: String, topic: String, defaultTopic: String, defaultTopicQueueCount: Int32, queueId: Int32,
        sysFlag: Int32, bornTimestampMillis: Int64, flag: Int32, properties: String? = nil,
        reconsumeTimes: Int32? = nil, unitMode: Bool? = nil, bornHost: String, storeHost: String,
        storeTimestampMillis: Int64
    ) {
        self.producerGroup = producerGroup
        self.topic = topic
        self.defaultTopic = defaultTopic
        self.defaultTopicQueueCount = defaultTopicQueueCount
        self.queueId = queueId
        self.sysFlag = sysFlag
        self.bornTimestampMillis = bornTimestampMillis
        self.flag = flag
        self.properties = properties
        self.reconsumeTimes = reconsumeTimes
        self.unitMode = unitMode
        self.bornHost = bornHost
        self.storeHost = storeHost
        self.storeTimestampMillis = storeTimestampMillis
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        producerGroup = try fields.string("producerGroup")
        topic = try fields.string("topic")
        defaultTopic = try fields.string("defaultTopic")
        defaultTopicQueueCount = try fields.int32("defaultTopicQueueNums")
        queueId = try fields.int32("queueId")
        sysFlag = try fields.int32("sysFlag")
        bornTimestampMillis = try fields.int64("bornTimestamp")
        flag = try fields.int32("flag")
        properties = fields.optionalString("properties")
        reconsumeTimes = try fields.optionalInt32("reconsumeTimes")
        unitMode = fields.optionalBool("unitMode")
        bornHost = try fields.string("bornHost")
        storeHost = try fields.string("storeHost")
        storeTimestampMillis = try fields.int64("storeTimestamp")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("producerGroup", producerGroup)
        writer.write("topic", topic)
        writer.write("defaultTopic", defaultTopic)
        writer.write("defaultTopicQueueNums", defaultTopicQueueCount)
        writer.write("queueId", queueId)
        writer.write("sysFlag", sysFlag)
        writer.write("bornTimestamp", bornTimestampMillis)
        writer.write("flag", flag)
        writer.write("properties", properties)
        writer.write("reconsumeTimes", reconsumeTimes)
        writer.write("unitMode", unitMode)
        writer.write("bornHost", bornHost)
        writer.write("storeHost", storeHost)
        writer.write("storeTimestamp", storeTimestampMillis)
    }
}
