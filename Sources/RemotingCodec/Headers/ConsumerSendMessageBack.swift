/// Request header of CONSUMER_SEND_MSG_BACK (36).
package struct ConsumerSendMessageBackRequestHeader: RemotingHeader, Hashable {
    /// The offset.
    package var offset: Int64
    /// The consumer group.
    package var group: String
    /// Level of the delay until the next delivery.
    package var delayLevel: Int32
    /// Id of the first delivery.
    package var originMessageId: String?
    /// Topic of the first delivery.
    package var originTopic: String?
    /// Whether the group works in units.
    package var unitMode: Bool?
    /// The most delivery attempts.
    package var maxReconsumeTimes: Int32?
    /// Handle of the delivery that ends with this, from our proxies only: Apache's brokers pass over it.
    package var extraInfo: String?

    /// A header to send.
    package init(
        offset: Int64, group: String, delayLevel: Int32, originMessageId: String? = nil, originTopic: String? = nil,
        unitMode: Bool? = nil, maxReconsumeTimes: Int32? = nil, extraInfo: String? = nil
    ) {
        self.offset = offset
        self.group = group
        self.delayLevel = delayLevel
        self.originMessageId = originMessageId
        self.originTopic = originTopic
        self.unitMode = unitMode
        self.maxReconsumeTimes = maxReconsumeTimes
        self.extraInfo = extraInfo
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        offset = try fields.int64("offset")
        group = try fields.string("group")
        delayLevel = try fields.int32("delayLevel")
        originMessageId = fields.optionalString("originMsgId")
        originTopic = fields.optionalString("originTopic")
        unitMode = fields.optionalBool("unitMode")
        maxReconsumeTimes = try fields.optionalInt32("maxReconsumeTimes")
        extraInfo = fields.optionalString("extraInfo")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("offset", offset)
        writer.write("group", group)
        writer.write("delayLevel", delayLevel)
        writer.write("originMsgId", originMessageId)
        writer.write("originTopic", originTopic)
        writer.write("unitMode", unitMode)
        writer.write("maxReconsumeTimes", maxReconsumeTimes)
        writer.write("extraInfo", extraInfo)
    }
}

/// Response header of CONSUMER_SEND_MSG_BACK (36), which Apache's brokers leave out.
package struct ConsumerSendMessageBackResponseHeader: RemotingHeader, Hashable {
    /// Whether the delivery that the request names is done, so that nobody need ack it.
    package var isDone: Bool

    /// A header to send.
    package init(isDone: Bool) { self.isDone = isDone }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        isDone = fields.optionalBool("done") ?? false
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("done", isDone)
    }
}
