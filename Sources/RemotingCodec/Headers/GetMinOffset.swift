/// Request header of GET_MIN_OFFSET (31).
package struct GetMinOffsetRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32

    /// A header to send.
    package init(topic: String, queueId: Int32) {
        self.topic = topic
        self.queueId = queueId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("queueId", queueId)
    }
}

/// Response header of GET_MIN_OFFSET (31).
package struct GetMinOffsetResponseHeader: RemotingHeader, Hashable {
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
