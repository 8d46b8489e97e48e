/// Request header of GET_REPLICA_STATE (900102), ours: a replica asks its master how the log is, and what the small files
/// are that do not follow from it.
package struct GetReplicaStateRequestHeader: RemotingHeader, Hashable {
    /// Where the bytes of the log begin that the master is to sum up.
    package var checkFrom: Int64
    /// How many they are; 0 for none.
    package var checkBytes: Int32

    /// A header to send.
    package init(checkFrom: Int64, checkBytes: Int32) {
        self.checkFrom = checkFrom
        self.checkBytes = checkBytes
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        checkFrom = try fields.int64("checkFrom")
        checkBytes = try fields.int32("checkBytes")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("checkFrom", checkFrom)
        writer.write("checkBytes", checkBytes)
    }
}

/// Response header of GET_REPLICA_STATE (900102).
package struct GetReplicaStateResponseHeader: RemotingHeader, Hashable {
    /// Where the log begins.
    package var logMin: Int64
    /// Where it ends, as far as replicas may have it.
    package var logEnd: Int64
    /// Bytes of one file of it.
    package var logFileBytes: Int64
    /// Check sum of the bytes that were asked about; nil when they are not all in the log.
    package var checkSum: Int32?

    /// A header to send.
    package init(logMin: Int64, logEnd: Int64, logFileBytes: Int64, checkSum: Int32?) {
        self.logMin = logMin
        self.logEnd = logEnd
        self.logFileBytes = logFileBytes
        self.checkSum = checkSum
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        logMin = try fields.int64("logMin")
        logEnd = try fields.int64("logEnd")
        logFileBytes = try fields.int64("logFileBytes")
        checkSum = try fields.optionalInt32("checkSum")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("logMin", logMin)
        writer.write("logEnd", logEnd)
        writer.write("logFileBytes", logFileBytes)
        writer.write("checkSum", checkSum)
    }
}
