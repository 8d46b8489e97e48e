import MessageModel
import RemotingCodec

/// One broker process with what it told about itself; no figures when it did not answer.
package struct ClusterListRow: Sendable, Hashable {
    package var cluster: String
    package var brokerName: String
    package var brokerId: Int64
    package var address: String
    package var runtime: [String: String]
    /// Why there are no figures.
    package var failure: String?
}

extension AdminClient {
    /// All broker processes, of one cluster or of all.
    package func clusterList(cluster: String? = nil) async throws(AdminError) -> [ClusterListRow] {
        let info = try await clusterInfo()
        var rows: [ClusterListRow] = []
        for name in cluster.map({ [$0] }) ?? info.clusters.keys.sorted() {
            for broker in try brokers(ofCluster: name, in: info) {
                for (id, address) in broker.addresses.sorted(by: { $0.key < $1.key }) {
                    var row = ClusterListRow(
                        cluster: name, brokerName: broker.brokerName, brokerId: id, address: address, runtime: [:])
                    do throws(AdminError) {
                        let answer = try await callBroker(address, .getBrokerRuntimeInfo)
                        row.runtime = try Self.decode(KVTable.self, answer).table
                    } catch {
                        row.failure = error.message
                    }
                    rows.append(row)
                }
            }
        }
        return rows
    }
}
