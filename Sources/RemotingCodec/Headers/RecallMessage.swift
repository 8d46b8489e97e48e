/// Request header of RECALL_MESSAGE (370).
package struct RecallMessageRequestHeader: RemotingHeader, Hashable {
    /// The producer group.
    package var producerGroup: String?
    /// The topic.
    package var topic: String
    /// Handle to take a delayed message back.
    package var recallHandle: String

    /// A header to send.
    package init(producerGroup: String? = nil, topic: String, recallHandle: String) {
        self.producerGroup = producerGroup
        self.topic = topic
        self.recallHandle = recallHandle
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        producerGroup = fields.optionalString("producerGroup")
        topic = try fields.string("topic")
        recallHandle = try fields.string("recallHandle")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("producerGroup", producerGroup)
        writer.write("topic", topic)
        writer.write("recallHandle", recallHandle)
    }
}

/// Response header of RECALL_MESSAGE (370).
package struct RecallMessageResponseHeader: RemotingHeader, Hashable {
    /// Id of the message.
    package var messageId: String

    /// A header to send.
    package init(messageId: String) {
        self.messageId = messageId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        messageId = try fields.string("msgId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("msgId", messageId)
    }
}
