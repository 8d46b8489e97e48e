/// Request header of DELETE_TOPIC_IN_NAMESRV (216).
package struct DeleteTopicInNameServerRequestHeader: RemotingHeader, Hashable {
    /// The topic.
    package var topic: String
    /// Name of the cluster.
    package var clusterName: String?

    /// A header to send.
    package init(topic: String, clusterName: String? = nil) {
        self.topic = topic
        self.clusterName = clusterName
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        topic = try fields.string("topic")
        clusterName = fields.optionalString("clusterName")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("topic", topic)
        writer.write("clusterName", clusterName)
    }
}
