/// Request header of PULL_MESSAGE (11).
package struct PullMessageRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// The topic.
    package var topic: String
    /// The queue of the topic, -1 for any.
    package var queueId: Int32
    /// Position in the queue.
    package var queueOffset: Int64
    /// The most messages wanted.
    package var maxMessageCount: Int32
    /// Bits that change how the request is served.
    package var sysFlag: Int32
    /// The consumer offset to commit.
    package var commitOffset: Int64
    /// How long the request may wait for messages.
    package var suspendTimeoutMillis: Int64
    /// The filter expression.
    package var subscription: String?
    /// Version of the subscription.
    package var subVersion: Int64
    /// TAG or SQL92.
    package var expressionType: String?
    /// The most message bytes wanted.
    package var maxMessageBytes: Int32?
    /// Who asks: a client or a proxy.
    package var requestSource: Int32?
    /// The client for whom a proxy asks (spelled so on the wire).
    package var proxyForwardClientId: String?

    /// A header to send.
    package init(
        consumerGroup: String, topic: String, queueId: Int32, queueOffset: Int64, maxMessageCount: Int32,
        sysFlag: Int32, commitOffset: Int64, suspendTimeoutMillis: Int64, subscription: String? = nil,
        subVersion: Int64, expressionType: String? = nil, maxMessageBytes: Int32? = nil, requestSource: Int32? = nil,
        proxyForwardClientId: String? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueId = queueId
        self.queueOffset = queueOffset
        self.maxMessageCount = maxMessageCount
        self.sysFlag = sysFlag
        self.commitOffset = commitOffset
        self.suspendTimeoutMillis = suspendTimeoutMillis
        self.subscription = subscription
        self.subVersion = subVersion
        self.expressionType = expressionType
        self.maxMessageBytes = maxMessageBytes
        self.requestSource = requestSource
        self.proxyForwardClientId = proxyForwardClientId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        topic = try fields.string("topic")
        queueId = try fields.int32("queueId")
        queueOffset = try fields.int64("queueOffset")
        maxMessageCount = try fields.int32("maxMsgNums")
        sysFlag = try fields.int32("sysFlag")
        commitOffset = try fields.int64("commitOffset")
        suspendTimeoutMillis = try fields.int64("suspendTimeoutMillis")
        subscription = fields.optionalString("subscription")
        subVersion = try fields.int64("subVersion")
        expressionType = fields.optionalString("expressionType")
        maxMessageBytes = try fields.optionalInt32("maxMsgBytes")
        requestSource = try fields.optionalInt32("requestSource")
        proxyForwardClientId = fields.optionalString("proxyFrowardClientId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("topic", topic)
        writer.write("queueId", queueId)
        writer.write("queueOffset", queueOffset)
        writer.write("maxMsgNums", maxMessageCount)
        writer.write("sysFlag", sysFlag)
        writer.write("commitOffset", commitOffset)
        writer.write("suspendTimeoutMillis", suspendTimeoutMillis)
        writer.write("subscription", subscription)
        writer.write("subVersion", subVersion)
        writer.write("expressionType", expressionType)
        writer.write("maxMsgBytes", maxMessageBytes)
        writer.write("requestSource", requestSource)
        writer.write("proxyFrowardClientId", proxyForwardClientId)
    }
}

/// Response header of PULL_MESSAGE (11).
package struct PullMessageResponseHeader: RemotingHeader, Hashable {
    /// The broker id to pull from next.
    package var suggestWhichBrokerId: Int64
    /// The offset to pull from next.
    package var nextBeginOffset: Int64
    /// Start of the queue or log.
    package var minOffset: Int64
    /// End of the queue or log.
    package var maxOffset: Int64
    /// Shift of offsets of static topics.
    package var offsetDelta: Int64?
    /// Unit flags of the topic.
    package var topicSysFlag: Int32?
    /// Unit flags of the group.
    package var groupSysFlag: Int32?
    /// Why reading is forbidden.
    package var forbiddenType: Int32?

    /// A header to send.
    package init(
        suggestWhichBrokerId: Int64, nextBeginOffset: Int64, minOffset: Int64, maxOffset: Int64,
        offsetDelta: Int64? = nil, topicSysFlag: Int32? = nil, groupSysFlag: Int32? = nil, forbiddenType: Int32? = nil
    ) {
        self.suggestWhichBrokerId = suggestWhichBrokerId
        self.nextBeginOffset = nextBeginOffset
        self.minOffset = minOffset
        self.maxOffset = maxOffset
        self.offsetDelta = offsetDelta
        self.topicSysFlag = topicSysFlag
        self.groupSysFlag = groupSysFlag
        self.forbiddenType = forbiddenType
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        suggestWhichBrokerId = try fields.int64("suggestWhichBrokerId")
        nextBeginOffset = try fields.int64("nextBeginOffset")
        minOffset = try fields.int64("minOffset")
        maxOffset = try fields.int64("maxOffset")
        offsetDelta = try fields.optionalInt64("offsetDelta")
        topicSysFlag = try fields.optionalInt32("topicSysFlag")
        groupSysFlag = try fields.optionalInt32("groupSysFlag")
        forbiddenType = try fields.optionalInt32("forbiddenType")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("suggestWhichBrokerId", suggestWhichBrokerId)
        writer.write("nextBeginOffset", nextBeginOffset)
        writer.write("minOffset", minOffset)
        writer.write("maxOffset", maxOffset)
        writer.write("offsetDelta", offsetDelta)
        writer.write("topicSysFlag", topicSysFlag)
        writer.write("groupSysFlag", groupSysFlag)
        writer.write("forbiddenType", forbiddenType)
    }
}
