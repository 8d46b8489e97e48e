import RemotingCodec

/// Whether a replica's log is the beginning of its master's: compared before any byte is taken over.
enum ReplicaCheck {
    /// Bytes at the end of the replica's log that are compared. Records hold their own offset and time, so logs of two
    /// histories that are as long differ there.
    static let bytesMax: Int64 = 64 << 10

    /// What a replica knows of its own log.
    struct Log: Equatable {
        var range: Range<Int64>
        var fileBytes: Int64
        /// The bytes that the master is asked about; nil when it is not.
        var compared: Range<Int64>?
        /// Their check sum; nil for an empty log.
        var checkSum: Int32?
    }

    /// Why the log cannot go on with the master's; nil when it can.
    static func refusal(_ log: Log, master: GetReplicaStateResponseHeader) -> String? {
        if log.fileBytes != master.logFileBytes {
            return "mappedFileSizeCommitLog is \(log.fileBytes) here and \(master.logFileBytes) at the master"
        }
        if log.range.isEmpty { return nil }
        if log.range.upperBound > master.logEnd {
            return
                "the log ends at \(log.range.upperBound), behind the master's end at \(master.logEnd): it has what the "
                + "master lost, or is of another history"
        }
        if log.range.upperBound < master.logMin {
            return
                "the log ends at \(log.range.upperBound), and the master's begins at \(master.logMin): remove the store "
                + "of this replica, so that it begins anew"
        }
        if let checkSum = master.checkSum, checkSum != log.checkSum {
            return
                "the log differs from the master's before \(log.range.upperBound): it is of another history. Keep it if it "
                + "may hold messages that the master has not, then remove the store of this replica"
        }
        return nil
    }
}
