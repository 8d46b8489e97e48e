/// Request header of QUERY_CONSUME_TIME_SPAN (303).
package struct QueryConsumeTimeSpanRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The consumer group.
    package var group: String

    /// A header to send.
    package init(topic: String, group: String) {
        self.topic = topic
        self.group = group
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        group = try fields.string("group")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("group", group)
    }
}
