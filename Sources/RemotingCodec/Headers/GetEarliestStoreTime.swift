/// Request header of GET_EARLIEST_MSG_STORETIME (32).
package struct GetEarliestStoreTimeRequestHeader: RemotingHeader, Hashable {
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

/// Response header of GET_EARLIEST_MSG_STORETIME (32).
package struct GetEarliestStoreTimeResponseHeader: RemotingHeader, Hashable {
    /// A moment.
    package var timestampMillis: Int64

    /// A header to send.
    package init(timestampMillis: Int64) {
        self.timestampMillis = timestampMillis
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        timestampMillis = try fields.int64("timestamp")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("timestamp", timestampMillis)
    }
}
