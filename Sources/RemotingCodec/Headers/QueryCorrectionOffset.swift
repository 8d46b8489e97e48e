import MessageModel

/// Request header of QUERY_CORRECTION_OFFSET (308).
package struct QueryCorrectionOffsetRequestHeader: RemotingHeader, Hashable {
    /// Groups that do not count; joined by commas on the wire.
    package var filterGroups: [String]
    /// The group whose offsets the others are compared with.
    package var compareGroup: String
    /// The topic.
    package var topic: String

    /// A header to send.
    package init(filterGroups: [String] = [], compareGroup: String, topic: String) {
        self.filterGroups = filterGroups
        self.compareGroup = compareGroup
        self.topic = topic
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        filterGroups = (fields.optionalString("filterGroups") ?? "").split(separator: ",").map(String.init)
        compareGroup = try fields.string("compareGroup")
        topic = try fields.string("topic")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        if !filterGroups.isEmpty { writer.write("filterGroups", filterGroups.joined(separator: ",")) }
        writer.write("compareGroup", compareGroup)
        writer.write("topic", topic)
    }
}
