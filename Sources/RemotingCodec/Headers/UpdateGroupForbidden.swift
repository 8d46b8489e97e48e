/// Request header of UPDATE_AND_GET_GROUP_FORBIDDEN (353).
package struct UpdateGroupForbiddenRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var group: String
    /// The topic.
    package var topic: String
    /// Whether the group may read the topic; nothing changes when absent.
    package var readable: Bool?

    /// A header to send.
    package init(group: String, topic: String, readable: Bool? = nil) {
        self.group = group
        self.topic = topic
        self.readable = readable
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        group = try fields.string("group")
        topic = try fields.string("topic")
        readable = fields.optionalBool("readable")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("group", group)
        writer.write("topic", topic)
        writer.write("readable", readable)
    }
}
