/// Request header of INVOKE_BROKER_TO_RESET_OFFSET (222) and RESET_CONSUMER_CLIENT_OFFSET (220).
package struct ResetOffsetRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The consumer group.
    package var group: String
    /// One queue, or -1 for all.
    package var queueId: Int32?
    /// The new offset of that queue, or -1 for the one of `timestampMillis`.
    package var offset: Int64?
    /// The first message stored at or after it is the next one; -1 is the end.
    package var timestampMillis: Int64
    /// Whether a group may be moved forward, too.
    package var isForced: Bool

    /// A header to send.
    package init(
        topic: String, group: String, queueId: Int32? = nil, offset: Int64? = nil, timestampMillis: Int64,
        isForced: Bool
    ) {
        self.topic = topic
        self.group = group
        self.queueId = queueId
        self.offset = offset
        self.timestampMillis = timestampMillis
        self.isForced = isForced
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        group = try fields.string("group")
        queueId = try fields.optionalInt32("queueId")
        offset = try fields.optionalInt64("offset")
        timestampMillis = try fields.int64("timestamp")
        isForced = fields.optionalBool("isForce") ?? false
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("group", group)
        writer.write("queueId", queueId)
        writer.write("offset", offset)
        writer.write("timestamp", timestampMillis)
        writer.write("isForce", isForced)
    }
}
