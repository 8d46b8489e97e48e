/// Request header of GET_ROUTEINFO_BY_TOPIC (105).
package struct GetRouteInfoRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// Whether the requester reads standard JSON only.
    package var acceptStandardJsonOnly: Bool?

    /// A header to send.
    package init(topic: String, acceptStandardJsonOnly: Bool? = nil) {
        self.topic = topic
        self.acceptStandardJsonOnly = acceptStandardJsonOnly
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        acceptStandardJsonOnly = fields.optionalBool("acceptStandardJsonOnly")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("acceptStandardJsonOnly", acceptStandardJsonOnly)
    }
}
