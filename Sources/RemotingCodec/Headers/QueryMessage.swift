/// Request header of QUERY_MESSAGE (12).
package struct QueryMessageRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The key.
    package var key: String
    /// The most results wanted.
    package var maxCount: Int32
    /// Start of the time range.
    package var beginTimestampMillis: Int64
    /// End of the time range.
    package var endTimestampMillis: Int64
    /// The key is a unique one (`_UNIQUE_KEY_QUERY`): the broker chooses how many messages it answers.
    package var isUniqueKey = false

    /// A header to send.
    package init(topic: String, key: String, maxCount: Int32, beginTimestampMillis: Int64, endTimestampMillis: Int64) {
        self.topic = topic
        self.key = key
        self.maxCount = maxCount
        self.beginTimestampMillis = beginTimestampMillis
        self.endTimestampMillis = endTimestampMillis
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        key = try fields.string("key")
        maxCount = try fields.int32("maxNum")
        beginTimestampMillis = try fields.int64("beginTimestamp")
        endTimestampMillis = try fields.int64("endTimestamp")
        isUniqueKey = fields.optionalString("_UNIQUE_KEY_QUERY")?.lowercased() == "true"
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("key", key)
        writer.write("maxNum", maxCount)
        writer.write("beginTimestamp", beginTimestampMillis)
        writer.write("endTimestamp", endTimestampMillis)
        writer.write("_UNIQUE_KEY_QUERY", isUniqueKey)
    }
}

/// Response header of QUERY_MESSAGE (12).
package struct QueryMessageResponseHeader: RemotingHeader, Hashable {
    /// Time of the last index entry.
    package var indexLastUpdateTimestampMillis: Int64
    /// Log offset of the last index entry.
    package var indexLastUpdateLogOffset: Int64

    /// A header to send.
    package init(indexLastUpdateTimestampMillis: Int64, indexLastUpdateLogOffset: Int64) {
        self.indexLastUpdateTimestampMillis = indexLastUpdateTimestampMillis
        self.indexLastUpdateLogOffset = indexLastUpdateLogOffset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        indexLastUpdateTimestampMillis = try fields.int64("indexLastUpdateTimestamp")
        indexLastUpdateLogOffset = try fields.int64("indexLastUpdatePhyoffset")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("indexLastUpdateTimestamp", indexLastUpdateTimestampMillis)
        writer.write("indexLastUpdatePhyoffset", indexLastUpdateLogOffset)
    }
}
