/// Request header of UNREGISTER_CLIENT (35).
package struct UnregisterClientRequestHeader: RemotingHeader, Hashable {
    /// Id of the client.
    package var clientId: String
    /// The producer group.
    package var producerGroup: String?
    /// The consumer group.
    package var consumerGroup: String?

    /// A header to send.
    package init(clientId: String, producerGroup: String? = nil, consumerGroup: String? = nil) {
        self.clientId = clientId
        self.producerGroup = producerGroup
        self.consumerGroup = consumerGroup
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        clientId = try fields.string("clientID")
        producerGroup = fields.optionalString("producerGroup")
        consumerGroup = fields.optionalString("consumerGroup")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("clientID", clientId)
        writer.write("producerGroup", producerGroup)
        writer.write("consumerGroup", consumerGroup)
    }
}
