/// Request header of UPDATE_CONSUMER_OFFSET (15).
package struct UpdateConsumerOffsetRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// The consumer offset to commit.
    package var commitOffset: Int64

    /// A header to send.
    package init(consumerGroup: String, topic: String, queueId: Int32, commitOffset: Int64) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.commitOffset = commitOffset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        commitOffset = try fields.int64("commitOffset")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("commitOffset", commitOffset)
    }
}
