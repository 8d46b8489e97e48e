/// Request header of ACK_MESSAGE (200051).
package struct AckMessageRequestHeader: RemotingHeader, Hashable {
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
    /// The lite topic below `topic` that the message is of; the offset is that of its queue.
    package var liteTopic: String?

    /// A header to send.
    package init(
        consumerGroup: String, topic: String, queueId: Int32, extraInfo: String, offset: Int64, liteTopic: String? = nil
    ) {
        self.liteTopic = liteTopic
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.extraInfo = extraInfo
        self.offset = offset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        extraInfo = try fields.string("extraInfo")
        offset = try fields.int64("offset")
        liteTopic = fields.optionalString("liteTopic")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("extraInfo", extraInfo)
        writer.write("offset", offset)
        writer.write("liteTopic", liteTopic)
    }
}
