/// Request header of BROKER_HEARTBEAT (904).
package struct BrokerHeartbeatRequestHeader: RemotingHeader, Hashable {
    /// Name of the cluster.
    package var clusterName: String
    /// Address of the broker.
    package var brokerAddr: String
    /// Name of the broker group.
    package var brokerName: String
    /// 0 for the master, above for slaves.
    package var brokerId: Int64?
    /// Epoch of the master.
    package var epoch: Int32?
    /// End of the queue or log.
    package var maxOffset: Int64?
    /// Confirmed end of the log.
    package var confirmOffset: Int64?
    /// Time after which the broker counts as gone.
    package var heartbeatTimeoutMillis: Int64?
    /// Priority in elections.
    package var electionPriority: Int32?

    /// A header to send.
    package init(
        clusterName: String, brokerAddr: String, brokerName: String, brokerId: Int64? = nil, epoch: Int32? = nil,
        maxOffset: Int64? = nil, confirmOffset: Int64? = nil, heartbeatTimeoutMillis: Int64? = nil,
        electionPriority: Int32? = nil
    ) {
        self.clusterName = clusterName
        self.brokerAddr = brokerAddr
        self.brokerName = brokerName
        self.brokerId = brokerId
        self.epoch = epoch
        self.maxOffset = maxOffset
        self.confirmOffset = confirmOffset
        self.heartbeatTimeoutMillis = heartbeatTimeoutMillis
        self.electionPriority = electionPriority
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        clusterName = try fields.string("clusterName")
        brokerAddr = try fields.string("brokerAddr")
        brokerName = try fields.string("brokerName")
        brokerId = try fields.optionalInt64("brokerId")
        epoch = try fields.optionalInt32("epoch")
        maxOffset = try fields.optionalInt64("maxOffset")
        confirmOffset = try fields.optionalInt64("confirmOffset")
        heartbeatTimeoutMillis = try fields.optionalInt64("heartbeatTimeoutMills")
        electionPriority = try fields.optionalInt32("electionPriority")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("clusterName", clusterName)
        writer.write("brokerAddr", brokerAddr)
        writer.write("brokerName", brokerName)
        writer.write("brokerId", brokerId)
        writer.write("epoch", epoch)
        writer.write("maxOffset", maxOffset)
        writer.write("confirmOffset", confirmOffset)
        writer.write("heartbeatTimeoutMills", heartbeatTimeoutMillis)
        writer.write("electionPriority", electionPriority)
    }
}
