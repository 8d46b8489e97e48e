/// Request header of GET_TOPIC_STATS_INFO (202).
package struct GetTopicStatsRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String

    /// A header to send.
    package init(topic: String) {
        self.topic = topic
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
    }
}
