/// Request header of ADD_WRITE_PERM_OF_BROKER (327).
package struct AddWritePermissionRequestHeader: RemotingHeader, Hashable {
    /// Name of the broker group.
    package var brokerName: String

    /// A header to send.
    package init(brokerName: String) {
        self.brokerName = brokerName
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        brokerName = try fields.string("brokerName")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("brokerName", brokerName)
    }
}

/// Response header of ADD_WRITE_PERM_OF_BROKER (327).
package struct AddWritePermissionResponseHeader: RemotingHeader, Hashable {
    /// Topics changed.
    package var addTopicCount: Int32

    /// A header to send.
    package init(addTopicCount: Int32) {
        self.addTopicCount = addTopicCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        addTopicCount = try fields.int32("addTopicCount")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("addTopicCount", addTopicCount)
    }
}
