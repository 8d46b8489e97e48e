/// Request header of SET_COMMITLOG_READ_MODE (2004).
package struct SetCommitLogReadModeRequestHeader: RemotingHeader, Hashable {
    /// 0 reads ahead, 1 does not.
    package var mode: Int32

    /// A header to send.
    package init(mode: Int32) {
        self.mode = mode
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        mode = try fields.int32("READ_AHEAD_MODE")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("READ_AHEAD_MODE", mode)
    }
}
