/// Request header of WIPE_WRITE_PERM_OF_BROKER (205).
package struct WipeWritePermissionRequestHeader: RemotingHeader, Hashable {
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

/// Response header of WIPE_WRITE_PERM_OF_BROKER (205).
package struct WipeWritePermissionResponseHeader: RemotingHeader, Hashable {
    /// Topics changed.
    package var wipeTopicCount: Int32

    /// A header to send.
    package init(wipeTopicCount: Int32) {
        self.wipeTopicCount = wipeTopicCount
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        wipeTopicCount = try fields.int32("wipeTopicCount")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("wipeTopicCount", wipeTopicCount)
    }
}
