/// Request header of VIEW_MESSAGE_BY_ID (33).
package struct ViewMessageByIdRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String?
    /// The offset.
    package var offset: Int64

    /// A header to send.
    package init(topic: String? = nil, offset: Int64) {
        self.topic = topic
        self.offset = offset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = fields.optionalString("topic")
        offset = try fields.int64("offset")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("offset", offset)
    }
}
