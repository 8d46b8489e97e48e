/// Request header of INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223) and GET_CONSUMER_STATUS_FROM_CLIENT (221).
package struct GetConsumerStatusRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The consumer group.
    package var group: String
    /// Id of one client; all clients of the group when absent.
    package var clientAddr: String?

    /// A header to send.
    package init(topic: String, group: String, clientAddr: String? = nil) {
        self.topic = topic
        self.group = group
        self.clientAddr = clientAddr
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        group = try fields.string("group")
        clientAddr = fields.optionalString("clientAddr")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("group", group)
        writer.write("clientAddr", clientAddr)
    }
}
