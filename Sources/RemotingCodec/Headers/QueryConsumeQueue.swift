/// Request header of QUERY_CONSUME_QUEUE (321).
package struct QueryConsumeQueueRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The queue.
    package var queueId: Int32
    /// Queue offset of the first entry; negative counts from the end.
    package var index: Int64
    /// Most entries.
    package var count: Int32
    /// A group whose subscription is shown beside.
    package var consumerGroup: String?

    /// A header to send.
    package init(topic: String, queueId: Int32, index: Int64, count: Int32, consumerGroup: String? = nil) {
        self.topic = topic
        self.queueId = queueId
        self.index = index
        self.count = count
        self.consumerGroup = consumerGroup
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        index = try fields.int64("index")
        count = try fields.int32("count")
        consumerGroup = fields.optionalString("consumerGroup")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("index", index)
        writer.write("count", count)
        writer.write("consumerGroup", consumerGroup)
    }
}
