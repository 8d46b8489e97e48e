/// Request header of DELETE_SUBSCRIPTIONGROUP (207).
package struct DeleteSubscriptionGroupRequestHeader: RemotingHeader, Hashable {
    /// The consumer group.
    package var groupName: String
    /// Whether the offsets go too.
    package var cleanOffset: Bool?

    /// A header to send.
    package init(groupName: String, cleanOffset: Bool? = nil) {
        self.groupName = groupName
        self.cleanOffset = cleanOffset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        groupName = try fields.string("groupName")
        cleanOffset = fields.optionalBool("cleanOffset")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("groupName", groupName)
        writer.write("cleanOffset", cleanOffset)
    }
}
