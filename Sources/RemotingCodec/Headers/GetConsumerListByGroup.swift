/// Request header of GET_CONSUMER_LIST_BY_GROUP (38).
package struct GetConsumerListByGroupRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String

    /// A header to send.
    package init(consumerGroup: String) {
        self.consumerGroup = consumerGroup
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
    }
}
