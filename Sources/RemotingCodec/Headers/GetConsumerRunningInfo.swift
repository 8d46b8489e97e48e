/// Request header of GET_CONSUMER_RUNNING_INFO (307).
package struct GetConsumerRunningInfoRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// Id of the client.
    package var clientId: String
    /// Whether a thread dump is wanted.
    package var jstackEnable: Bool?

    /// A header to send.
    package init(consumerGroup: String, clientId: String, jstackEnable: Bool? = nil) {
        self.consumerGroup = consumerGroup
        self.clientId = clientId
        self.jstackEnable = jstackEnable
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        clientId = try fields.string("clientId")
        jstackEnable = fields.optionalBool("jstackEnable")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("clientId", clientId)
        writer.write("jstackEnable", jstackEnable)
    }
}
