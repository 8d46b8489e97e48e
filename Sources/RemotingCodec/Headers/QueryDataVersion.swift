/// Request header of QUERY_DATA_VERSION (322).
package struct QueryDataVersionRequestHeader: RemotingHeader, Hashable {
    /// Name of the broker group.
    package var brokerName: String
    /// Address of the broker.
    package var brokerAddr: String
    /// Name of the cluster.
    package var clusterName: String
    /// 0 for the master, above for slaves.
    package var brokerId: Int64

    /// A header to send.
    package init(brokerName: String, brokerAddr: String, clusterName: String, brokerId: Int64) {
        self.brokerName = brokerName
        self.brokerAddr = brokerAddr
        self.clusterName = clusterName
        self.brokerId = brokerId
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        brokerName = try fields.string("brokerName")
        brokerAddr = try fields.string("brokerAddr")
        clusterName = try fields.string("clusterName")
        brokerId = try fields.int64("brokerId")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("brokerName", brokerName)
        writer.write("brokerAddr", brokerAddr)
        writer.write("clusterName", clusterName)
        writer.write("brokerId", brokerId)
    }
}

/// Response header of QUERY_DATA_VERSION (322).
package struct QueryDataVersionResponseHeader: RemotingHeader, Hashable {
    /// Whether the broker has to register again.
    package var hasChanged: Bool

    /// A header to send.
    package init(hasChanged: Bool) {
        self.hasChanged = hasChanged
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        hasChanged = try fields.bool("changed")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("changed", hasChanged)
    }
}
