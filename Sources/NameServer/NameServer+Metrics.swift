import ServerSupport

/// All metrics of a name server; Apache's has none. `docs/metrics.md` lists them.
extension NameServer {
    /// Adds what there is to tell now.
    package func addMetrics(to page: inout MetricsPage) {
        let (topics, brokers) = state.withLockedValue { state in
            (state.routes.topicQueues.count, state.routes.clusterView)
        }
        page.add(.gauge, "rocketmq_namesrv_up", "1 while the name server answers", 1)
        page.add(
            .gauge, "rocketmq_namesrv_topic_number", "Topics that registered brokers offer", Int64(topics))
        page.add(
            .gauge, "rocketmq_namesrv_broker_number", "Registered brokers, replicas counted each",
            brokers.clusters.map { cluster, names in
                let count = names.reduce(0) { $0 + (brokers.brokers[$1]?.addresses.count ?? 0) }
                return MetricRow([MetricLabel("cluster", cluster)], Int64(count))
            })
    }

    /// The labels of every series.
    package var metricLabels: [MetricLabel] {
        state.withLockedValue { $0.configuration.monitor.labels } + [MetricLabel("node_type", "namesrv")]
    }
}
