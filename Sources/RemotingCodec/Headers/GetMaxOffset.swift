/// Request header of GET_MAX_OFFSET (30).
package struct GetMaxOffsetRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// Read but ignored by Apache's brokers.
    package var committed: Bool?

    /// A header to send.
    package init(topic: String, queueId: Int32, committed: Bool? = nil) {
        self.topic = topic
        self.queueId = queueId
        self.committed = committed
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        committed = fields.optionalBool("committed")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("committed", committed)
    }
}

/// Response header of GET_MAX_OFFSET (30).
package struct GetMaxOffsetResponseHeader: RemotingHeader, Hashable {
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
