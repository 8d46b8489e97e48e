/// Request header of GET_TOPICS_BY_CLUSTER (224).
package struct GetTopicsByClusterRequestHeader: RemotingHeader, Hashable {
    /// Name of the cluster.
    package var cluster: String

    /// A header to send.
    package init(cluster: String) {
        self.cluster = cluster
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        cluster = try fields.string("cluster")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("cluster", cluster)
    }
}
