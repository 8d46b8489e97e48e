/// Request header of NOTIFICATION (200054).
package struct NotificationRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// How long the request may wait for messages.
    package var pollMillis: Int64
    /// When the request was made.
    package var bornMillis: Int64
    /// Whether messages come in order, one batch at a time.
    package var isOrdered: Bool?
    /// Id of a receive attempt, to repeat it.
    package var attemptId: String?
    /// Whether the question is of the lite topics that a client subscribes to.
    package var isLiteConsumer: Bool?
    /// That client.
    package var clientId: String?

    /// A header to send.
    package init(
        consumerGroup: String, topic: String, queueId: Int32, pollMillis: Int64, bornMillis: Int64,
        isOrdered: Bool? = nil, attemptId: String? = nil, isLiteConsumer: Bool? = nil, clientId: String? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.pollMillis = pollMillis
        self.bornMillis = bornMillis
        self.isOrdered = isOrdered
        self.attemptId = attemptId
        self.isLiteConsumer = isLiteConsumer
        self.clientId = clientId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        pollMillis = try fields.int64("pollTime")
        bornMillis = try fields.int64("bornTime")
        isOrdered = fields.optionalBool("order")
        attemptId = fields.optionalString("attemptId")
        isLiteConsumer = fields.optionalBool("isLiteConsumer")
        clientId = fields.optionalString("clientId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("pollTime", pollMillis)
        writer.write("bornTime", bornMillis)
        writer.write("order", isOrdered)
        writer.write("attemptId", attemptId)
        writer.write("isLiteConsumer", isLiteConsumer)
        writer.write("clientId", clientId)
    }
}

/// Response header of NOTIFICATION (200054).
package struct NotificationResponseHeader: RemotingHeader, Hashable {
    /// Whether there is something to pop.
    package var hasMessage: Bool
    /// Whether too many requests wait already.
    package var isPollingFull: Bool?

    /// A header to send.
    package init(hasMessage: Bool, isPollingFull: Bool? = nil) {
        self.hasMessage = hasMessage
        self.isPollingFull = isPollingFull
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        hasMessage = try fields.bool("hasMsg")
        isPollingFull = fields.optionalBool("pollingFull")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("hasMsg", hasMessage)
        writer.write("pollingFull", isPollingFull)
    }
}
