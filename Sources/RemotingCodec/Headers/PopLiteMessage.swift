/// Request header of POP_LITE_MESSAGE (200070): messages of the lite topics that the client subscribes to.
package struct PopLiteMessageRequestHeader: RemotingHeader, Hashable {
    /// The client.
    package var clientId: String
    /// Its group.
    package var consumerGroup: String
    /// The parent topic.
    package var topic: String
    /// The most messages wanted.
    package var maxMessageCount: Int32
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64
    /// How long the request may wait for messages.
    package var pollMillis: Int64
    /// When the request was made; 0 when the broker's clock counts.
    package var bornMillis: Int64
    /// Id of the receive attempt, to repeat it.
    package var attemptId: String?

    /// A header to send.
    package init(
        clientId: String, consumerGroup: String, topic: String, maxMessageCount: Int32, invisibleMillis: Int64,
        pollMillis: Int64, bornMillis: Int64, attemptId: String? = nil
    ) {
        self.clientId = clientId
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.maxMessageCount = maxMessageCount
        self.invisibleMillis = invisibleMillis
        self.pollMillis = pollMillis
        self.bornMillis = bornMillis
        self.attemptId = attemptId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        clientId = try fields.string("clientId")
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        maxMessageCount = try fields.int32("maxMsgNum")
        invisibleMillis = try fields.int64("invisibleTime")
        pollMillis = try fields.int64("pollTime")
        bornMillis = try fields.int64("bornTime")
        attemptId = fields.optionalString("attemptId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("clientId", clientId)
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("maxMsgNum", maxMessageCount)
        writer.write("invisibleTime", invisibleMillis)
        writer.write("pollTime", pollMillis)
        writer.write("bornTime", bornMillis)
        writer.write("attemptId", attemptId)
    }
}

/// Response header of POP_LITE_MESSAGE (200070). The offsets of the messages are in their own properties
/// (`INNER_MULTI_QUEUE_OFFSET`).
package struct PopLiteMessageResponseHeader: RemotingHeader, Hashable {
    /// When the messages were handed out.
    package var popMillis: Int64
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64
    /// 999, as for every ordered pop.
    package var reviveQueueId: Int32
    /// Earlier deliveries of each message, in the order of the body, parted by semicolons.
    package var orderCountInfo: String?

    /// A header to send.
    package init(popMillis: Int64, invisibleMillis: Int64, reviveQueueId: Int32, orderCountInfo: String? = nil) {
        self.popMillis = popMillis
        self.invisibleMillis = invisibleMillis
        self.reviveQueueId = reviveQueueId
        self.orderCountInfo = orderCountInfo
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        popMillis = try fields.int64("popTime")
        invisibleMillis = try fields.int64("invisibleTime")
        reviveQueueId = try fields.int32("reviveQid")
        orderCountInfo = fields.optionalString("orderCountInfo")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("popTime", popMillis)
        writer.write("invisibleTime", invisibleMillis)
        writer.write("reviveQid", reviveQueueId)
        writer.write("startOffsetInfo", "")
        writer.write("msgOffsetInfo", "")
        writer.write("orderCountInfo", orderCountInfo)
    }
}
