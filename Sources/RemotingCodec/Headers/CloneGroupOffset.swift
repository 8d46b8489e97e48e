/// Request header of CLONE_GROUP_OFFSET (314).
package struct CloneGroupOffsetRequestHeader: RemotingHeader, Hashable {
    /// The group whose progress is copied.
    package var srcGroup: String
    /// The group that gets it.
    package var destGroup: String
    /// The topic; all topics of the group when absent.
    package var topic: String?
    /// Whether the destination has to be without consumers; read but ignored by Apache's brokers.
    package var offline: Bool?

    /// A header to send.
    package init(srcGroup: String, destGroup: String, topic: String? = nil, offline: Bool? = nil) {
        self.srcGroup = srcGroup
        self.destGroup = destGroup
        self.topic = topic
        self.offline = offline
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        srcGroup = try fields.string("srcGroup")
        destGroup = try fields.string("destGroup")
        topic = fields.optionalString("topic")
        offline = fields.optionalBool("offline")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("srcGroup", srcGroup)
        writer.write("destGroup", destGroup)
        writer.write("topic", topic)
        writer.write("offline", offline)
    }
}
