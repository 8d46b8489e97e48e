/// Request header of QUERY_SUBSCRIPTION_BY_CONSUMER (345).
package struct QuerySubscriptionByConsumerRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var group: String
    /// The topic.
    package var topic: String?

    /// A header to send.
    package init(group: String, topic: String? = nil) {
        self.group = group
        self.topic = topic
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        group = try fields.string("group")
        topic = fields.optionalString("topic")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("group", group)
        writer.write("topic", topic)
    }
}
