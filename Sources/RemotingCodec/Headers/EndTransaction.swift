/// Request header of END_TRANSACTION (37).
package struct EndTransactionRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String?
    /// The producer group.
    package var producerGroup: String
    /// Queue offset of the half message.
    package var tranStateTableOffset: Int64
    /// Log offset of the half message.
    package var commitLogOffset: Int64
    /// 0 unknown, 8 commit, 12 rollback.
    package var commitOrRollback: Int32
    /// Whether a check asked for it.
    package var fromTransactionCheck: Bool?
    /// Id of the message.
    package var messageId: String
    /// Id of the transaction.
    package var transactionId: String?

    /// A header to send.
    package init(
        topic: String? = nil, producerGroup: String, tranStateTableOffset: Int64, commitLogOffset: Int64,
        commitOrRollback: Int32, fromTransactionCheck: Bool? = nil, messageId: String, transactionId: String? = nil
    ) {
        self.topic = topic
        self.producerGroup = producerGroup
        self.tranStateTableOffset = tranStateTableOffset
        self.commitLogOffset = commitLogOffset
        self.commitOrRollback = commitOrRollback
        self.fromTransactionCheck = fromTransactionCheck
        self.messageId = messageId
        self.transactionId = transactionId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = fields.optionalString("topic")
        producerGroup = try fields.string("producerGroup")
        tranStateTableOffset = try fields.int64("tranStateTableOffset")
        commitLogOffset = try fields.int64("commitLogOffset")
        commitOrRollback = try fields.int32("commitOrRollback")
        fromTransactionCheck = fields.optionalBool("fromTransactionCheck")
        messageId = try fields.string("msgId")
        transactionId = fields.optionalString("transactionId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("producerGroup", producerGroup)
        writer.write("tranStateTableOffset", tranStateTableOffset)
        writer.write("commitLogOffset", commitLogOffset)
        writer.write("commitOrRollback", commitOrRollback)
        writer.write("fromTransactionCheck", fromTransactionCheck)
        writer.write("msgId", messageId)
        writer.write("transactionId", transactionId)
    }
}
