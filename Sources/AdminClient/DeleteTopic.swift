import MessageModel
import RemotingCodec

extension AdminClient {
    /// Deletes a topic on all masters of a cluster and from all name servers; the brokers it was deleted on.
    package func deleteTopic(_ topic: String, cluster: String) async throws(AdminError) -> [String] {
        let masters = try masters(ofCluster: cluster, in: try await clusterInfo())
        for master in masters {
            _ = try await callBroker(
                master.address, .deleteTopicInBroker, DeleteTopicInBrokerRequestHeader(topic: topic))
        }
        try await callEveryNameServer(
            .deleteTopicInNamesrv, DeleteTopicInNameServerRequestHeader(topic: topic, clusterName: cluster))
        return masters.map(\.address)
    }
}
