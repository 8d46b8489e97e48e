/// Request header of GET_CONSUME_STATS (208).
package struct GetConsumeStatsRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String?
    /// Topics, separated by semicolons.
    package var topicList: String?

    /// A header to send.
    package init(consumerGroup: String, topic: String? = nil, topicList: String? = nil) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.topicList = topicList
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = fields.optionalString("topic")
        topicList = fields.optionalString("topicList")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("topicList", topicList)
    }
}
