/// Request header of GET_BROKER_MEMBER_GROUP (901).
package struct GetBrokerMemberGroupRequestHeader: RemotingHeader, Hashable {
    /// Name of the cluster.
    package var clusterName: String
    /// Name of the broker group.
    package var brokerName: String

    /// A header to send.
    package init(clusterName: String, brokerName: String) {
        self.clusterName = clusterName
        self.brokerName = brokerName
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        clusterName = try fields.string("clusterName")
        brokerName = try fields.string("brokerName")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("clusterName", clusterName)
        writer.write("brokerName", brokerName)
    }
}
