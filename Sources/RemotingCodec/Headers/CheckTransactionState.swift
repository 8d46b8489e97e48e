/// Request header of CHECK_TRANSACTION_STATE (39).
package struct CheckTransactionStateRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String?
    /// Queue offset of the half message.
    package var tranStateTableOffset: Int64
    /// Log offset of the half message.
    package var commitLogOffset: Int64
    /// Id of the message.
    package var messageId: String?
    /// Id of the transaction.
    package var transactionId: String?
    /// Id of the message with its log offset.
    package var offsetMessageId: String?
    /// The broker group that asks.
    package var brokerName: String?

    /// A header to send.
    package init(
        topic: String? = nil, tranStateTableOffset: Int64, commitLogOffset: Int64, messageId: String? = nil,
        transactionId: String? = nil, offsetMessageId: String? = nil, brokerName: String? = nil
    ) {
        self.topic = topic
        self.tranStateTableOffset = tranStateTableOffset
        self.commitLogOffset = commitLogOffset
        self.messageId = messageId
        self.transactionId = transactionId
        self.offsetMessageId = offsetMessageId
        self.brokerName = brokerName
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = fields.optionalString("topic")
        tranStateTableOffset = try fields.int64("tranStateTableOffset")
        commitLogOffset = try fields.int64("commitLogOffset")
        messageId = fields.optionalString("msgId")
        transactionId = fields.optionalString("transactionId")
        offsetMessageId = fields.optionalString("offsetMsgId")
        brokerName = fields.optionalString("bname")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("tranStateTableOffset", tranStateTableOffset)
        writer.write("commitLogOffset", commitLogOffset)
        writer.write("msgId", messageId)
        writer.write("transactionId", transactionId)
        writer.write("offsetMsgId", offsetMessageId)
        writer.write("bname", brokerName)
    }
}
