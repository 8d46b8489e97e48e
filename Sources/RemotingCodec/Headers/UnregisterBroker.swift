/// Request header of UNREGISTER_BROKER (104).
package struct UnregisterBrokerRequestHeader: RemotingHeader, Hashable {
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
