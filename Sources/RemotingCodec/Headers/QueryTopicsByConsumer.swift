/// Request header of QUERY_TOPICS_BY_CONSUMER (343).
package struct QueryTopicsByConsumerRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var group: String

    /// A header to send.
    package init(group: String) {
        self.group = group
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        group = try fields.string("group")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("group", group)
    }
}
