/// Request header of POLLING_INFO (200055).
package struct PollingInfoRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32

    /// A header to send.
    package init(consumerGroup: String, topic: String, queueId: Int32) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
    }
}

/// Response header of POLLING_INFO (200055).
package struct PollingInfoResponseHeader: RemotingHeader, Hashable {
    /// Requests that wait.
    package var pollingCount: Int32

    /// A header to send.
    package init(pollingCount: Int32) {
        self.pollingCount = pollingCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        pollingCount = try fields.int32("pollingNum")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("pollingNum", pollingCount)
    }
}
