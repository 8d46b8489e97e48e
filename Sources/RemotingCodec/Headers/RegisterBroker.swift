/// Request header of REGISTER_BROKER (103).
package struct RegisterBrokerRequestHeader: RemotingHeader, Hashable {
    /// Name of the broker group.
    package var brokerName: String
    /// Address of the broker.
    package var brokerAddr: String
    /// Name of the cluster.
    package var clusterName: String
    /// Replication address.
    package var haServerAddr: String
    /// 0 for the master, above for slaves.
    package var brokerId: Int64
    /// Time after which the broker counts as gone.
    package var heartbeatTimeoutMillis: Int64?
    /// Whether a slave may act as master.
    package var enableActingMaster: Bool?
    /// Whether the body is compressed.
    package var isCompressed: Bool?
    /// Check sum of the body; 0 for none.
    package var bodyCrc32: Int32?
    /// Zone of the broker.
    package var zoneName: String?

    /// A header to send.
    package init(
        brokerName: String, brokerAddr: String, clusterName: String, haServerAddr: String, brokerId: Int64,
        heartbeatTimeoutMillis: Int64? = nil, enableActingMaster: Bool? = nil, isCompressed: Bool? = nil,
        bodyCrc32: Int32? = nil, zoneName: String? = nil
    ) {
        self.brokerName = brokerName
        self.brokerAddr = brokerAddr
        self.clusterName = clusterName
        self.haServerAddr = haServerAddr
        self.brokerId = brokerId
        self.heartbeatTimeoutMillis = heartbeatTimeoutMillis
        self.enableActingMaster = enableActingMaster
        self.isCompressed = isCompressed
        self.bodyCrc32 = bodyCrc32
        self.zoneName = zoneName
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        brokerName = try fields.string("brokerName")
        brokerAddr = try fields.string("brokerAddr")
        clusterName = try fields.string("clusterName")
        haServerAddr = try fields.string("haServerAddr")
        brokerId = try fields.int64("brokerId")
        heartbeatTimeoutMillis = try fields.optionalInt64("heartbeatTimeoutMillis")
        enableActingMaster = fields.optionalBool("enableActingMaster")
        isCompressed = fields.optionalBool("compressed")
        bodyCrc32 = try fields.optionalInt32("bodyCrc32")
        zoneName = fields.optionalString("__ZONE_NAME")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("brokerName", brokerName)
        writer.write("brokerAddr", brokerAddr)
        writer.write("clusterName", clusterName)
        writer.write("haServerAddr", haServerAddr)
        writer.write("brokerId", brokerId)
        writer.write("heartbeatTimeoutMillis", heartbeatTimeoutMillis)
        writer.write("enableActingMaster", enableActingMaster)
        writer.write("compressed", isCompressed)
        writer.write("bodyCrc32", bodyCrc32)
        writer.write("__ZONE_NAME", zoneName)
    }
}

/// Response header of REGISTER_BROKER (103).
package struct RegisterBrokerResponseHeader: RemotingHeader, Hashable {
    /// Replication address.
    package var haServerAddr: String?
    /// Address of the master.
    package var masterAddr: String?

    /// A header to send.
    package init(haServerAddr: String? = nil, masterAddr: String? = nil) {
        self.haServerAddr = haServerAddr
        self.masterAddr = masterAddr
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        haServerAddr = fields.optionalString("haServerAddr")
        masterAddr = fields.optionalString("masterAddr")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("haServerAddr", haServerAddr)
        writer.write("masterAddr", masterAddr)
    }
}
