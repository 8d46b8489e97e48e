/// Request header of CONSUME_MESSAGE_DIRECTLY (309).
package struct ConsumeMessageDirectlyRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var consumerGroup: String
    /// Id of the client that is to consume.
    package var clientId: String?
    /// Id of the stored message: store host and log offset.
    package var msgId: String?
    /// The broker that asks; set by the broker.
    package var brokerName: String?
    /// The topic.
    package var topic: String?
    /// Unit flags of the topic; set by the broker.
    package var topicSysFlag: Int32?
    /// Flags of the group; set by the broker.
    package var groupSysFlag: Int32?

    /// A header to send.
    package init(
        consumerGroup: String, clientId: String? = nil, msgId: String? = nil, brokerName: String? = nil,
        topic: String? = nil, topicSysFlag: Int32? = nil, groupSysFlag: Int32? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.clientId = clientId
        self.msgId = msgId
        self.brokerName = brokerName
        self.topic = topic
        self.topicSysFlag = topicSysFlag
        self.groupSysFlag = groupSysFlag
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        consumerGroup = try fields.string("consumerGroup")
        clientId = fields.optionalString("clientId")
        msgId = fields.optionalString("msgId")
        brokerName = fields.optionalString("brokerName")
        topic = fields.optionalString("topic")
        topicSysFlag = try fields.optionalInt32("topicSysFlag")
        groupSysFlag = try fields.optionalInt32("groupSysFlag")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("consumerGroup", consumerGroup)
        writer.write("clientId", clientId)
        writer.write("msgId", msgId)
        writer.write("brokerName", brokerName)
        writer.write("topic", topic)
        writer.write("topicSysFlag", topicSysFlag)
        writer.write("groupSysFlag", groupSysFlag)
    }
}
