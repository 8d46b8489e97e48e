import BrokerServer
import ClusterBackend
import LocalBackend
import Logging
import MessageModel
import NIOCore
import NameServer
import ProxyServer
import RemotingTransport
import ServerSupport
import StorageEngine

/// A broker and a name server in this process. The proxy calls the broker without a socket; both have their usual ports
/// open too, for clients of the older protocol and for `mqadmin`.
final class LocalSide: BrokerSide {
    /// Metadata costs nothing to ask for here, so changes are seen at once.
    private static let metadataAgeMillis: Int64 = 500

    let metadata: any MetadataSource
    let remotingMetadata: ClusterMetadata
    private let nameServerClient: RemotingClient
    let limits: MetadataLimits
    private let node: BrokerNode
    private let nameServer: LocalNameServer
    private let nameServerPort: Int
    private let brokerPort: Int
    private let logger: Logger

    /// Opens the broker; its health can be asked of `monitor` from before it recovers.
    init(
        configuration: ProxyConfiguration, group: any EventLoopGroup, monitor: ProxyMonitor, logger: Logger
    ) async throws {
        self.logger = logger
        let surroundings = BrokerConfiguration.Surroundings.ofThisHost()
        let address = configuration.nameServers.first ?? HostPort(host: "127.0.0.1", port: 9876)
        nameServer = try LocalNameServer(
            port: address.port, home: surroundings.home, group: group, logger: logger)
        nameServerPort = try await nameServer.start()
        let brokerConfiguration = try Self.brokerConfiguration(configuration, nameServerPort, surroundings, logger)
        let certificate = LazyTLSContext(brokerConfiguration.tls.settings, logger: logger)
        if brokerConfiguration.tls.settings.namesFiles { try certificate.load() }
        let broker = try Broker.onDisk(brokerConfiguration, logger: logger)
        try await monitor.open(watching: broker)
        var serverConfiguration = RemotingServerConfiguration()
        serverConfiguration.use(brokerConfiguration.tls, certificate)
        node = BrokerNode(broker: broker, group: group, serverConfiguration: serverConfiguration, logger: logger)
        // Whoever asks while the broker recovers is told how far it is. The gRPC port opens when it serves.
        brokerPort = try await node.open()
        metadata = LocalMetadata(broker: broker)
        nameServerClient = RemotingClient(eventLoop: group.next(), logger: logger)
        remotingMetadata = ClusterMetadata(
            client: nameServerClient, nameServers: [HostPort(host: "127.0.0.1", port: nameServerPort)],
            clusterName: brokerConfiguration.clusterName, timeoutMillis: configuration.brokerTimeoutMillis,
            clock: .system, logger: logger)
        var limits = MetadataLimits()
        limits.refreshMillis = Self.metadataAgeMillis
        limits.refreshMillisMin = Self.metadataAgeMillis
        limits.absentMillis = Self.metadataAgeMillis
        self.limits = limits
    }

    private static func brokerConfiguration(
        _ configuration: ProxyConfiguration, _ nameServerPort: Int,
        _ surroundings: BrokerConfiguration.Surroundings, _ logger: Logger
    ) throws -> BrokerConfiguration {
        let source =
            try configuration.brokerConfigurationPath.map { try PropertiesFile.load(path: $0) } ?? ConfigurationSource()
        var (broker, report) = try BrokerConfiguration.read(
            source, nameServers: "127.0.0.1:\(nameServerPort)", tlsFile: try BrokerTLS.loadFile(namedIn: source),
            surroundings: surroundings)
        broker.filePath = configuration.brokerConfigurationPath
        for warning in report.warnings { logger.warning("\(warning)") }
        guard broker.replication.role != .slave else {
            throw ConfigurationError(
                .invalidValue, file: configuration.brokerConfigurationPath ?? "-bc", key: "brokerRole",
                message: "a proxy in local mode is its own broker, which cannot be a SLAVE")
        }
        return broker
    }

    func makeBackend(on eventLoop: any EventLoop) -> any Backend {
        LocalBackend(broker: node.broker, eventLoop: eventLoop)
    }

    func serveQuestions(_ context: ProxyContext) {
        LocalBackend.passChecks(of: node.broker, to: context.producers)
        node.broker.proxiedConsumers.pass(to: context.consumers)
    }

    func describe() -> [String] {
        let configuration = node.broker.configuration
        return [
            "store: \(configuration.storePath)",
            "4.x clients and mqadmin: name server \(nameServerPort), broker \(configuration.brokerIP1):\(brokerPort)",
        ]
    }

    func shutdown() async {
        nameServerClient.shutdown()
        await node.stop(graceMillis: 5_000)
        do {
            try node.broker.close()
        } catch {
            logger.error("the store did not close cleanly", metadata: ["reason": "\(error)"])
        }
        await nameServer.stop()
    }
}

/// A name server with its port, for local mode.
final class LocalNameServer: Sendable {
    private let files: SerialWorker
    private let server: RemotingServer
    private let nameServer: NameServer
    private let group: any EventLoopGroup
    private let host: String
    private let port: Int

    init(port: Int, home: String, group: any EventLoopGroup, logger: Logger) throws {
        var reader = ConfigurationSource(file: "local mode")
        reader.add(.init(key: "listenPort", text: String(port), line: 0))
        let (configuration, report) = try NameServerConfiguration.load(reader, home: home, configPath: nil)
        let files = SerialWorker(name: "settings")
        self.files = files
        self.group = group
        host = configuration.bindAddress
        self.port = configuration.listenPort
        nameServer = try NameServer(
            configuration: configuration, report: report, source: reader, nowMillis: ProxyClock.system.wallMillis,
            blockingQueue: files.submit, logger: logger)
        server = RemotingServer(
            group: group, configuration: RemotingServerConfiguration(), service: nameServer, logger: logger)
    }

    func start() async throws -> Int {
        let address = HostPort(host: host, port: port)
        let bound = try await ProgramStart.openPort(address) { [server] in
            try await server.bind(host: address.host, port: address.port)
        }
        nameServer.startScanning(on: group.next())
        return bound
    }

    func stop() async {
        await server.shutdown(graceMillis: 1_000)
        await withCheckedContinuation { continuation in files.close { continuation.resume() } }
    }
}
