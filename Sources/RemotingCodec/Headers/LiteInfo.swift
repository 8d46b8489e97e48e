/// Request header of the administrative requests about lite topics (200074 to 200079); each uses some of the fields.
package struct LiteInfoRequestHeader: RemotingHeader, Hashable {
    /// The parent topic, of GET_PARENT_TOPIC_INFO.
    package var topic: String?
    /// The parent topic, of the others.
    package var parentTopic: String?
    /// The own name of a lite topic.
    package var liteTopic: String?
    /// The consumer group.
    package var group: String?
    /// The client.
    package var clientId: String?
    /// Most lite topics wanted of a client.
    package var maxCount: Int32?
    /// Most lite topics wanted of those that a group is behind in.
    package var topK: Int32?

    /// A header without any field.
    package init() {}

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = fields.optionalString("topic")
        parentTopic = fields.optionalString("parentTopic")
        liteTopic = fields.optionalString("liteTopic")
        group = fields.optionalString("group")
        clientId = fields.optionalString("clientId")
        maxCount = try fields.optionalInt32("maxCount")
        topK = try fields.optionalInt32("topK")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("parentTopic", parentTopic)
        writer.write("liteTopic", liteTopic)
        writer.write("group", group)
        writer.write("clientId", clientId)
        writer.write("maxCount", maxCount)
        writer.write("topK", topK)
    }
}
