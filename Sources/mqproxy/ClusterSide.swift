import ClusterBackend
import Logging
import NIOConcurrencyHelpers
import NIOCore
import ProxyServer
import RemotingTransport

/// Brokers in other processes, found through name servers.
final class ClusterSide: BrokerSide {
    let remotingMetadata: ClusterMetadata
    var metadata: any MetadataSource { remotingMetadata }
    let limits = MetadataLimits()
    private let configuration: ProxyConfiguration
    private let logger: Logger
    private let clients = NIOLockedValueBox<[RemotingClient]>([])
    private let metadataClient: RemotingClient
    private let questions = NIOLockedValueBox<BrokerQuestions?>(nil)

    init(configuration: ProxyConfiguration, group: any EventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        metadataClient = client
        remotingMetadata = ClusterMetadata(
            client: client, nameServers: configuration.nameServers, clusterName: configuration.clusterName,
            timeoutMillis: configuration.brokerTimeoutMillis, clock: .system, logger: logger)
        clients.withLockedValue { $0.append(client) }
    }

    func makeBackend(on eventLoop: any EventLoop) -> any Backend {
        var settings = RemotingClientConfiguration()
        settings.headerFormat = .rocketmq
        let client = RemotingClient(eventLoop: eventLoop, configuration: settings, logger: logger)
        clients.withLockedValue { $0.append(client) }
        return ClusterBackend(client: client, timeoutMillis: configuration.brokerTimeoutMillis)
    }

    func serveQuestions(_ context: ProxyContext) {
        let started = BrokerQuestions(
            client: metadataClient,
            producers: ProducerHeartbeats(client: metadataClient, context: context, logger: logger),
            consumers: ConsumerAnnouncements(client: metadataClient, context: context, logger: logger), logger: logger)
        questions.withLockedValue { $0 = started }
        started.start()
    }

    func describe() -> [String] {
        let list = configuration.nameServers.map(\.description).joined(separator: ";")
        return ["name servers: \(list), cluster: \(configuration.clusterName)"]
    }

    func shutdown() async {
        questions.withLockedValue { $0 }?.stop()
        for client in clients.withLockedValue({ $0 }) { client.shutdown() }
    }
}
