/// Request header of POP_MESSAGE (200050).
package struct PopMessageRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// The most messages wanted.
    package var maxMessageCount: Int32
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64
    /// How long the request may wait for messages.
    package var pollMillis: Int64
    /// When the request was made.
    package var bornMillis: Int64
    /// Where a new group starts: 0 at the first message, 1 at the last.
    package var initMode: Int32
    /// TAG or SQL92.
    package var expressionType: String?
    /// The filter expression.
    package var expression: String?
    /// Whether messages come in order, one batch at a time.
    package var isOrdered: Bool?
    /// Id of a receive attempt, to repeat it.
    package var attemptId: String?

    /// A header to send.
    package init(
        consumerGroup: String, topic: String, queueId: Int32, maxMessageCount: Int32, invisibleMillis: Int64,
        pollMillis: Int64, bornMillis: Int64, initMode: Int32, expressionType: String? = nil, expression: String? = nil,
        isOrdered: Bool? = nil, attemptId: String? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.maxMessageCount = maxMessageCount
        self.invisibleMillis = invisibleMillis
        self.pollMillis = pollMillis
        self.bornMillis = bornMillis
        self.initMode = initMode
        self.expressionType = expressionType
        self.expression = expression
        self.isOrdered = isOrdered
        self.attemptId = attemptId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        maxMessageCount = try fields.int32("maxMsgNums")
        invisibleMillis = try fields.int64("invisibleTime")
        pollMillis = try fields.int64("pollTime")
        bornMillis = try fields.int64("bornTime")
        initMode = try fields.int32("initMode")
        expressionType = fields.optionalString("expType")
        expression = fields.optionalString("exp")
        isOrdered = fields.optionalBool("order")
        attemptId = fields.optionalString("attemptId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("maxMsgNums", maxMessageCount)
        writer.write("invisibleTime", invisibleMillis)
        writer.write("pollTime", pollMillis)
        writer.write("bornTime", bornMillis)
        writer.write("initMode", initMode)
        writer.write("expType", expressionType)
        writer.write("exp", expression)
        writer.write("order", isOrdered)
        writer.write("attemptId", attemptId)
    }
}

/// Response header of POP_MESSAGE (200050).
package struct PopMessageResponseHeader: RemotingHeader, Hashable {
    /// When the messages were handed out.
    package var popMillis: Int64
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64
    /// Apache's revive queue of this hand-out.
    package var reviveQueueId: Int32
    /// Messages left behind in the queues asked.
    package var restCount: Int64
    /// First offset per queue, in text.
    package var startOffsetInfo: String?
    /// Offsets of the messages per queue, in text.
    package var messageOffsetInfo: String?
    /// Delivery attempts of ordered messages, in text.
    package var orderCountInfo: String?

    /// A header to send.
    package init(
        popMillis: Int64, invisibleMillis: Int64, reviveQueueId: Int32, restCount: Int64,
        startOffsetInfo: String? = nil, messageOffsetInfo: String? = nil, orderCountInfo: String? = nil
    ) {
        self.popMillis = popMillis
        self.invisibleMillis = invisibleMillis
        self.reviveQueueId = reviveQueueId
        self.restCount = restCount
        self.startOffsetInfo = startOffsetInfo
        self.messageOffsetInfo = messageOffsetInfo
        self.orderCountInfo = orderCountInfo
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        popMillis = try fields.int64("popTime")
        invisibleMillis = try fields.int64("invisibleTime")
        reviveQueueId = try fields.int32("reviveQid")
        restCount = try fields.int64("restNum")
        startOffsetInfo = fields.optionalString("startOffsetInfo")
        messageOffsetInfo = fields.optionalString("msgOffsetInfo")
        orderCountInfo = fields.optionalString("orderCountInfo")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("popTime", popMillis)
        writer.write("invisibleTime", invisibleMillis)
        writer.write("reviveQid", reviveQueueId)
        writer.write("restNum", restCount)
        writer.write("startOffsetInfo", startOffsetInfo)
        writer.write("msgOffsetInfo", messageOffsetInfo)
        writer.write("orderCountInfo", orderCountInfo)
    }
}
