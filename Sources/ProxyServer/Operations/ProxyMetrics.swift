import ServerSupport

/// What a proxy counts at the moment.
package struct ProxyFigures: Sendable {
    /// Whether it takes calls: a name server and a broker answer, and it is not being stopped.
    package var isReady: Bool
    /// Connections to the gRPC port.
    package var grpcConnections: Int
    /// Connections to the port for remoting clients.
    package var remotingConnections: Int

    /// The figures.
    package init(isReady: Bool, grpcConnections: Int, remotingConnections: Int) {
        self.isReady = isReady
        self.grpcConnections = grpcConnections
        self.remotingConnections = remotingConnections
    }

    /// Adds all metrics of a proxy: `rocketmq_proxy_up` is Apache's (`ProxyMetricsConstant`), the others are ours.
    package func add(to page: inout MetricsPage) {
        page.add(.gauge, "rocketmq_proxy_up", "1 while the proxy answers", 1)
        page.add(
            .gauge, "rocketmq_proxy_ready", "1 while a name server and a broker answer the proxy", isReady ? 1 : 0)
        page.add(
            .gauge, "rocketmq_proxy_grpc_connections", "Connections to the gRPC port", Int64(grpcConnections))
        page.add(
            .gauge, "rocketmq_proxy_remoting_connections", "Connections to the port for remoting clients",
            Int64(remotingConnections))
    }
}

extension ProxyConfiguration {
    /// The labels that tell a proxy from others; `hostName` is its name unless it is given one.
    package func metricLabels(hostName: String) -> [MetricLabel] {
        [
            MetricLabel("node_type", "proxy"), MetricLabel("cluster", proxyClusterName),
            MetricLabel("node_id", proxyName ?? hostName), MetricLabel("proxy_mode", mode.rawValue.lowercased()),
        ]
    }
}
