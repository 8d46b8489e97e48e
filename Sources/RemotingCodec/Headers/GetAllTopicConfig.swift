/// Request header of GET_ALL_TOPIC_CONFIG (21).
package struct GetAllTopicConfigRequestHeader: RemotingHeader, Hashable {
    /// Where to start in the list of topics.
    package var topicSeq: Int32?
    /// The data version that the requester knows, as JSON.
    package var dataVersion: String?
    /// The most topics wanted.
    package var maxTopicCount: Int32?

    /// A header to send.
    package init(topicSeq: Int32? = nil, dataVersion: String? = nil, maxTopicCount: Int32? = nil) {
        self.topicSeq = topicSeq
        self.dataVersion = dataVersion
        self.maxTopicCount = maxTopicCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topicSeq = try fields.optionalInt32("topicSeq")
        dataVersion = fields.optionalString("dataVersion")
        maxTopicCount = try fields.optionalInt32("maxTopicNum")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topicSeq", topicSeq)
        writer.write("dataVersion", dataVersion)
        writer.write("maxTopicNum", maxTopicCount)
    }
}

/// Response header of GET_ALL_TOPIC_CONFIG (21).
package struct GetAllTopicConfigResponseHeader: RemotingHeader, Hashable {
    /// Topics in all; brokers before 5.2 do not tell.
    package var totalTopicCount: Int32?

    /// A header to send.
    package init(totalTopicCount: Int32? = nil) {
        self.totalTopicCount = totalTopicCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        totalTopicCount = try fields.optionalInt32("totalTopicNum")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("totalTopicNum", totalTopicCount)
    }
}
