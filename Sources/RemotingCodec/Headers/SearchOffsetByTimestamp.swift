/// Request header of SEARCH_OFFSET_BY_TIMESTAMP (29).
package struct SearchOffsetByTimestampRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// A moment.
    package var timestampMillis: Int64
    /// `lower` or `upper`.
    package var boundaryType: String?

    /// A header to send.
    package init(topic: String, queueId: Int32, timestampMillis: Int64, boundaryType: String? = nil) {
        self.topic = topic
        self.queueId = queueId
        self.timestampMillis = timestampMillis
        self.boundaryType = boundaryType
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        timestampMillis = try fields.int64("timestamp")
        boundaryType = fields.optionalString("boundaryType")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("timestamp", timestampMillis)
        writer.write("boundaryType", boundaryType)
    }
}

/// Response header of SEARCH_OFFSET_BY_TIMESTAMP (29).
package struct SearchOffsetByTimestampResponseHeader: RemotingHeader, Hashable {
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
