import RemotingCodec

extension NameServer {
    /// GET_BROKER_CLUSTER_INFO 106. Tools of every age read integer keys without quotes here.
    func getBrokerClusterInfo() -> NameServerAnswer {
        let view = state.withLockedValue { $0.routes.clusterView }
        let info = ClusterInfo(brokers: view.brokers, clusters: view.clusters.mapValues { $0.sorted() })
        return NameServerAnswer(body: info.encode())
    }
}
