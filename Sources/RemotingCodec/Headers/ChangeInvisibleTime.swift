/// Request header of CHANGE_MESSAGE_INVISIBLETIME (200053).
package struct ChangeInvisibleTimeRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// The receipt handle.
    package var extraInfo: String
    /// The offset.
    package var offset: Int64
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64

    /// The lite topic below `topic` that the message is of; the offset is that of its queue.
    package var liteTopic: String?
    /// Whether the delivery is not to count as an attempt; for lite topics only.
    package var suspend: Bool?

    /// A header to send.
    package init(
        consumerGroup: String, topic: String, queueId: Int32, extraInfo: String, offset: Int64, invisibleMillis: Int64,
        liteTopic: String? = nil, suspend: Bool? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.extraInfo = extraInfo
        self.offset = offset
        self.invisibleMillis = invisibleMillis
        self.liteTopic = liteTopic
        self.suspend = suspend
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        extraInfo = try fields.string("extraInfo")
        offset = try fields.int64("offset")
        invisibleMillis = try fields.int64("invisibleTime")
        liteTopic = fields.optionalString("liteTopic")
        suspend = fields.optionalBool("suspend")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("extraInfo", extraInfo)
        writer.write("offset", offset)
        writer.write("invisibleTime", invisibleMillis)
        writer.write("liteTopic", liteTopic)
        writer.write("suspend", suspend)
    }
}

/// Response header of CHANGE_MESSAGE_INVISIBLETIME (200053).
package struct ChangeInvisibleTimeResponseHeader: RemotingHeader, Hashable {
    /// When the messages were handed out.
    package var popMillis: Int64
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64
    /// Apache's revive queue of this hand-out.
    package var reviveQueueId: Int32

    /// A header to send.
    package init(popMillis: Int64, invisibleMillis: Int64, reviveQueueId: Int32) {
        self.popMillis = popMillis
        self.invisibleMillis = invisibleMillis
        self.reviveQueueId = reviveQueueId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        popMillis = try fields.int64("popTime")
        invisibleMillis = try fields.int64("invisibleTime")
        reviveQueueId = try fields.int32("reviveQid")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("popTime", popMillis)
        writer.write("invisibleTime", invisibleMillis)
        writer.write("reviveQid", reviveQueueId)
    }
}
