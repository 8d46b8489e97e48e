/// Request header of GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201).
package struct GetAllSubscriptionGroupConfigRequestHeader: RemotingHeader, Hashable {
    /// Where to start in the list of groups.
    package var groupSeq: Int32?
    /// The data version that the requester knows, as JSON.
    package var dataVersion: String?
    /// The most groups wanted.
    package var maxGroupCount: Int32?

    /// A header to send.
    package init(groupSeq: Int32? = nil, dataVersion: String? = nil, maxGroupCount: Int32? = nil) {
        self.groupSeq = groupSeq
        self.dataVersion = dataVersion
        self.maxGroupCount = maxGroupCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        groupSeq = try fields.optionalInt32("groupSeq")
        dataVersion = fields.optionalString("dataVersion")
        maxGroupCount = try fields.optionalInt32("maxGroupNum")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("groupSeq", groupSeq)
        writer.write("dataVersion", dataVersion)
        writer.write("maxGroupNum", maxGroupCount)
    }
}

/// Response header of GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201).
package struct GetAllSubscriptionGroupConfigResponseHeader: RemotingHeader, Hashable {
    /// Groups in all; brokers before 5.2 do not tell.
    package var totalGroupCount: Int32?

    /// A header to send.
    package init(totalGroupCount: Int32? = nil) {
        self.totalGroupCount = totalGroupCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        totalGroupCount = try fields.optionalInt32("totalGroupNum")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("totalGroupNum", totalGroupCount)
    }
}
