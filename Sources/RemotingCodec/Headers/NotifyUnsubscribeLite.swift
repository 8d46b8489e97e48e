/// Request header of NOTIFY_UNSUBSCRIBE_LITE (200073): another client of the group has taken a lite topic over.
package struct NotifyUnsubscribeLiteRequestHeader: RemotingHeader, Hashable {
    /// The lite topic's own name.
    package var liteTopic: String
    /// The group.
    package var consumerGroup: String
    /// The client that has lost it.
    package var clientId: String

    /// A header to send.
    package init(liteTopic: String, consumerGroup: String, clientId: String) {
        self.liteTopic = liteTopic
        self.consumerGroup = consumerGroup
        self.clientId = clientId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        liteTopic = try fields.string("liteTopic")
        consumerGroup = try fields.string("consumerGroup")
        clientId = try fields.string("clientId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("liteTopic", liteTopic)
        writer.write("consumerGroup", consumerGroup)
        writer.write("clientId", clientId)
    }
}
