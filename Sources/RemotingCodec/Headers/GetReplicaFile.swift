/// Request header of GET_REPLICA_FILE (900103), ours: a replica asks its master for a piece of one of those files.
package struct GetReplicaFileRequestHeader: RemotingHeader, Hashable {
    /// The file.
    package var name: String
    /// The first byte of the piece.
    package var offset: Int64

    /// A header to send.
    package init(name: String, offset: Int64) {
        self.name = name
        self.offset = offset
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        name = try fields.string("name")
        offset = try fields.int64("offset")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("name", name)
        writer.write("offset", offset)
    }
}

/// Response header of GET_REPLICA_FILE (900103); the body is the piece.
package struct GetReplicaFileResponseHeader: RemotingHeader, Hashable {
    /// Bytes of the whole file.
    package var fileBytes: Int64
    /// Check sum of the whole file.
    package var checkSum: Int32
    /// Everything that the file is about lies before this end of the log.
    package var logEnd: Int64

    /// A header to send.
    package init(fileBytes: Int64, checkSum: Int32, logEnd: Int64) {
        self.fileBytes = fileBytes
        self.checkSum = checkSum
        self.logEnd = logEnd
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        fileBytes = try fields.int64("fileBytes")
        checkSum = try fields.int32("checkSum")
        logEnd = try fields.int64("logEnd")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("fileBytes", fileBytes)
        writer.write("checkSum", checkSum)
        writer.write("logEnd", logEnd)
    }
}
