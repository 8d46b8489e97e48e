/// Request header of QUERY_CONSUMER_OFFSET (14).
package struct QueryConsumerOffsetRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// Whether an unknown offset may be answered with 0.
    package var setZeroIfNotFound: Bool?

    /// A header to send.
    package init(consumerGroup: String, topic: String, queueId: Int32, setZeroIfNotFound: Bool? = nil) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.setZeroIfNotFound = setZeroIfNotFound
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        setZeroIfNotFound = fields.optionalBool("setZeroIfNotFound")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("setZeroIfNotFound", setZeroIfNotFound)
    }
}

/// Response header of QUERY_CONSUMER_OFFSET (14).
package struct QueryConsumerOffsetResponseHeader: RemotingHeader, Hashable {
    /// The offset.
    package var offset: Int64

    /// A header to send.
    package init(offset: Int64) {
        self.offset = offset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        offset = try fields.int64("offset")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("offset", offset)
    }
}
