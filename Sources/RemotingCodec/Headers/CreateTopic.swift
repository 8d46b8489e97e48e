/// Request header of UPDATE_AND_CREATE_TOPIC (17).
package struct CreateTopicRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// The topic to copy from.
    package var defaultTopic: String
    /// Queues that consumers see.
    package var readQueueCount: Int32
    /// Queues that producers see.
    package var writeQueueCount: Int32
    /// Permission bits.
    package var permission: Int32
    /// SINGLE_TAG or MULTI_TAG.
    package var topicFilterType: String
    /// Unit flags of the topic.
    package var topicSysFlag: Int32?
    /// Whether messages come in order, one batch at a time.
    package var isOrdered: Bool
    /// Changes of attributes: `+key=value,-key`.
    package var attributes: String?
    /// Whether checks are skipped.
    package var isForced: Bool?

    /// A header to send.
    package init(
        topic: String, defaultTopic: String, readQueueCount: Int32, writeQueueCount: Int32, permission: Int32,
        topicFilterType: String, topicSysFlag: Int32? = nil, isOrdered: Bool, attributes: String? = nil,
        isForced: Bool? = nil
    ) {
        self.topic = topic
        self.defaultTopic = defaultTopic
        self.readQueueCount = readQueueCount
        self.writeQueueCount = writeQueueCount
        self.permission = permission
        self.topicFilterType = topicFilterType
        self.topicSysFlag = topicSysFlag
        self.isOrdered = isOrdered
        self.attributes = attributes
        self.isForced = isForced
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        defaultTopic = try fields.string("defaultTopic")
        readQueueCount = try fields.int32("readQueueNums")
        writeQueueCount = try fields.int32("writeQueueNums")
        permission = try fields.int32("perm")
        topicFilterType = try fields.string("topicFilterType")
        topicSysFlag = try fields.optionalInt32("topicSysFlag")
        isOrdered = try fields.bool("order")
        attributes = fields.optionalString("attributes")
        isForced = fields.optionalBool("force")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("defaultTopic", defaultTopic)
        writer.write("readQueueNums", readQueueCount)
        writer.write("writeQueueNums", writeQueueCount)
        writer.write("perm", permission)
        writer.write("topicFilterType", topicFilterType)
        writer.write("topicSysFlag", topicSysFlag)
        writer.write("order", isOrdered)
        writer.write("attributes", attributes)
        writer.write("force", isForced)
    }
}
