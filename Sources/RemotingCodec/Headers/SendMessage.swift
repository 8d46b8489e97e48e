import NIOCore

/// What a send request says about its message. SEND_MESSAGE (10) writes the fields under their own names,
/// SEND_MESSAGE_V2 (310) and SEND_BATCH_MESSAGE (320) under one letter each; the meaning is the same.
package struct SendMessageFields: Sendable, Hashable {
    /// The producer group.
    package var producerGroup: String
    /// The topic.
    package var topic: String
    /// The topic to copy queue counts from when the topic is created on the way.
    package var defaultTopic: String
    /// Queues of a topic that is created on the way.
    package var defaultTopicQueueCount: Int32
    /// The queue; negative for any.
    package var queueId: Int32
    /// Bits of the message: compression, transaction state.
    package var sysFlag: Int32
    /// When the producer made the message.
    package var bornTimestampMillis: Int64
    /// The user's flag.
    package var flag: Int32
    /// The property string, as UTF-8.
    package var properties: ByteBuffer?
    /// Earlier delivery attempts.
    package var reconsumeTimes: Int32?
    /// Whether the producer works in units.
    package var unitMode: Bool?
    /// The most delivery attempts.
    package var maxReconsumeTimes: Int32?
    /// Whether the body is a batch.
    package var isBatch: Bool?
    /// The broker group the message is meant for.
    package var brokerName: String?

    /// Fields to send.
    package init(
        producerGroup: String, topic: String, defaultTopic: String, defaultTopicQueueCount: Int32, queueId: Int32,
        sysFlag: Int32, bornTimestampMillis: Int64, flag: Int32, properties: ByteBuffer? = nil,
        reconsumeTimes: Int32? = nil, unitMode: Bool? = nil, maxReconsumeTimes: Int32? = nil, isBatch: Bool? = nil,
        brokerName: String? = nil
    ) {
        self.producerGroup = producerGroup
        self.topic = topic
        self.defaultTopic = defaultTopic
        self.defaultTopicQueueCount = defaultTopicQueueCount
        self.queueId = queueId
        self.sysFlag = sysFlag
        self.bornTimestampMillis = bornTimestampMillis
        self.flag = flag
        self.properties = properties
        self.reconsumeTimes = reconsumeTimes
        self.unitMode = unitMode
        self.maxReconsumeTimes = maxReconsumeTimes
        self.isBatch = isBatch
        self.brokerName = brokerName
    }
}

/// Request header of SEND_MESSAGE (10).
package struct SendMessageRequestHeader: RemotingHeader, Hashable {
    /// The fields.
    package var message: SendMessageFields

    /// A header to send.
    package init(_ message: SendMessageFields) {
        self.message = message
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        message = SendMessageFields(
            producerGroup: try fields.string("producerGroup"),
            topic: try fields.string("topic"),
            defaultTopic: try fields.string("defaultTopic"),
            defaultTopicQueueCount: try fields.int32("defaultTopicQueueNums"),
            queueId: try fields.int32("queueId"),
            sysFlag: try fields.int32("sysFlag"),
            bornTimestampMillis: try fields.int64("bornTimestamp"),
            flag: try fields.int32("flag"),
            properties: fields.buffer("properties"),
            reconsumeTimes: try fields.optionalInt32("reconsumeTimes"),
            unitMode: fields.optionalBool("unitMode"),
            maxReconsumeTimes: try fields.optionalInt32("maxReconsumeTimes"),
            isBatch: fields.optionalBool("batch"),
            brokerName: fields.optionalString("bname"))
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("producerGroup", message.producerGroup)
        writer.write("topic", message.topic)
        writer.write("defaultTopic", message.defaultTopic)
        writer.write("defaultTopicQueueNums", message.defaultTopicQueueCount)
        writer.write("queueId", message.queueId)
        writer.write("sysFlag", message.sysFlag)
        writer.write("bornTimestamp", message.bornTimestampMillis)
        writer.write("flag", message.flag)
        writer.write("properties", message.properties)
        writer.write("reconsumeTimes", message.reconsumeTimes)
        writer.write("unitMode", message.unitMode)
        writer.write("maxReconsumeTimes", message.maxReconsumeTimes)
        writer.write("batch", message.isBatch)
        writer.write("bname", message.brokerName)
    }
}

/// Request header of SEND_MESSAGE_V2 (310) and SEND_BATCH_MESSAGE (320).
package struct SendMessageRequestHeaderV2: RemotingHeader, Hashable {
    /// The fields.
    package var message: SendMessageFields

    /// A header to send.
    package init(_ message: SendMessageFields) {
        self.message = message
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        message = SendMessageFields(
            producerGroup: try fields.string("a"),
            topic: try fields.string("b"),
            defaultTopic: try fields.string("c"),
            defaultTopicQueueCount: try fields.int32("d"),
            queueId: try fields.int32("e"),
            sysFlag: try fields.int32("f"),
            bornTimestampMillis: try fields.int64("g"),
            flag: try fields.int32("h"),
            properties: fields.buffer("i"),
            reconsumeTimes: try fields.optionalInt32("j"),
            unitMode: fields.optionalBool("k"),
            maxReconsumeTimes: try fields.optionalInt32("l"),
            isBatch: fields.optionalBool("m"),
            brokerName: fields.optionalString("n"))
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("a", message.producerGroup)
        writer.write("b", message.topic)
        writer.write("c", message.defaultTopic)
        writer.write("d", message.defaultTopicQueueCount)
        writer.write("e", message.queueId)
        writer.write("f", message.sysFlag)
        writer.write("g", message.bornTimestampMillis)
        writer.write("h", message.flag)
        writer.write("i", message.properties)
        writer.write("j", message.reconsumeTimes)
        writer.write("k", message.unitMode)
        writer.write("l", message.maxReconsumeTimes)
        writer.write("m", message.isBatch)
        writer.write("n", message.brokerName)
    }
}

/// Response header of every kind of send.
package struct SendMessageResponseHeader: RemotingHeader, Hashable {
    /// Offset id of the message; of a batch all of them, separated by commas.
    package var messageId: String
    /// The queue that took the message.
    package var queueId: Int32
    /// Position in the queue, of the first message of a batch.
    package var queueOffset: Int64
    /// The message's UNIQ_KEY.
    package var transactionId: String?
    /// Id of a batch that is stored as one record.
    package var batchUniqId: String?
    /// Handle to take a delayed message back.
    package var recallHandle: String?
    /// Name of the broker's region.
    package var regionId: String?
    /// Whether the broker wants messages traced.
    package var isTraceOn: Bool?

    /// A header to send.
    package init(
        messageId: String, queueId: Int32, queueOffset: Int64, transactionId: String? = nil, batchUniqId: String? = nil,
        recallHandle: String? = nil, regionId: String? = nil, isTraceOn: Bool? = nil
    ) {
        self.messageId = messageId
        self.queueId = queueId
        self.queueOffset = queueOffset
        self.transactionId = transactionId
        self.batchUniqId = batchUniqId
        self.recallHandle = recallHandle
        self.regionId = regionId
        self.isTraceOn = isTraceOn
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        messageId = try fields.string("msgId")
        queueId = try fields.int32("queueId")
        queueOffset = try fields.int64("queueOffset")
        transactionId = fields.optionalString("transactionId")
        batchUniqId = fields.optionalString("batchUniqId")
        recallHandle = fields.optionalString("recallHandle")
        regionId = fields.optionalString("MSG_REGION")
        isTraceOn = fields.optionalBool("TRACE_ON")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("msgId", messageId)
        writer.write("queueId", queueId)
        writer.write("queueOffset", queueOffset)
        writer.write("transactionId", transactionId)
        writer.write("batchUniqId", batchUniqId)
        writer.write("recallHandle", recallHandle)
        writer.write("MSG_REGION", regionId)
        writer.write("TRACE_ON", isTraceOn)
    }
}
