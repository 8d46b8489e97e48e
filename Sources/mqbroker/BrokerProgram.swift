import BrokerServer
import Logging
import MessageModel
import MonitorServer
import NIOCore
import NIOPosix
import RemotingTransport
import ServerSupport
import StorageEngine

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The program `mqbroker`: reads its configuration and runs one broker until it is told to stop.
@main
enum BrokerProgram {
    private static let drainMillisMax: Int64 = 3_000

    static func main() async {
        switch BrokerOptions.parse(Array(CommandLine.arguments.dropFirst())) {
        case .failure(let problem):
            ProgramStart.printError("mqbroker: \(problem.message)\n\(BrokerOptions.usage)")
            exit(2)
        case .success(let options) where options.isHelpWanted:
            ProgramStart.printLine(BrokerOptions.usage)
        case .success(let options):
            do {
                try await run(options)
            } catch {
                ProgramStart.printError("mqbroker: \(error)")
                exit(1)
            }
        }
    }

    private static func run(_ options: BrokerOptions) async throws {
        let source = try options.configPath.map { try PropertiesFile.load(path: $0) } ?? ConfigurationSource()
        var (configuration, report) = try BrokerConfiguration.read(
            source, nameServers: options.nameServers, tlsFile: try BrokerTLS.loadFile(namedIn: source),
            surroundings: .ofThisHost())
        configuration.filePath = options.configPath
        if let listing = options.listing {
            for (key, value) in report.effective where listing == .all || BrokerOptions.importantKeys.contains(key) {
                ProgramStart.printLine("\(key)=\(value)")
            }
            return
        }
        if options.isCheckWanted {
            guard try StoreCheckCommand.run(configuration.store) else { exit(1) }
            return
        }
        LogSetup.bootstrap(level: LogSetup.levelFromEnvironment())
        let logger = Logger(label: "mqbroker")
        for warning in report.warnings { logger.warning("\(warning)") }
        try await serve(configuration, logger)
    }

    private static func serve(_ configuration: BrokerConfiguration, _ logger: Logger) async throws {
        let lifecycle = try Lifecycle(logger: logger)
        let certificate = LazyTLSContext(configuration.tls.settings, logger: logger)
        // Files that are wrong are better known now than at the first client.
        if configuration.tls.settings.namesFiles { try certificate.load() }
        lifecycle.onReload { certificate.reload() }
        var serverConfiguration = RemotingServerConfiguration()
        serverConfiguration.use(configuration.tls, certificate)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        if configuration.replication.role == .slave {
            let node = ReplicaNode(
                configuration: configuration, group: group, serverConfiguration: serverConfiguration, logger: logger)
            try await serve(node, configuration, on: group, lifecycle, logger)
        } else {
            try await serveMaster(configuration, serverConfiguration, on: group, lifecycle, logger)
        }
        try await group.shutdownGracefully()
        logger.info("stopped")
    }

    private static func serveMaster(
        _ configuration: BrokerConfiguration, _ serverConfiguration: RemotingServerConfiguration,
        on group: any EventLoopGroup, _ lifecycle: Lifecycle, _ logger: Logger
    ) async throws {
        let broker = try Broker.onDisk(configuration, logger: logger)
        let monitor = try await openMonitor(
            pages(configuration, metrics: { broker.addMetrics(to: &$0) }, health: { broker.health }), configuration,
            on: group,
            logger)
        let node = BrokerNode(
            broker: broker, group: group, serverConfiguration: serverConfiguration, logger: logger)
        // Whoever asks while the broker recovers is told how far it is.
        let port = try await node.open()
        let address = HostPort(host: configuration.bindAddress, port: port)
        ProgramStart.printReady(program: "mqbroker", address: address.description)
        await lifecycle.stopRequested()
        await node.stop(graceMillis: drainMillisMax)
        try broker.close()
        await monitor?.shutdown()
    }

    private static func serve(
        _ node: ReplicaNode, _ configuration: BrokerConfiguration, on group: any EventLoopGroup,
        _ lifecycle: Lifecycle, _ logger: Logger
    ) async throws {
        let port = try await node.open()
        let monitor = try await openMonitor(
            pages(configuration, metrics: { node.addMetrics(to: &$0) }, health: { node.health }), configuration,
            on: group,
            logger)
        ProgramStart.printReady(
            program: "mqbroker", address: HostPort(host: configuration.bindAddress, port: port).description)
        await lifecycle.stopRequested()
        try await node.stop(graceMillis: drainMillisMax)
        await monitor?.shutdown()
    }

    private static func pages(
        _ configuration: BrokerConfiguration, metrics: @escaping @Sendable (inout MetricsPage) -> Void,
        health: @escaping @Sendable () -> ServingHealth
    ) -> MonitorPages {
        MonitorPages(
            metrics: {
                var page = MetricsPage(common: configuration.metricLabels, rowsMax: configuration.monitor.seriesMax)
                metrics(&page)
                return MonitorAnswer(status: 200, contentType: MetricsPage.contentType, body: page.text)
            },
            health: {
                let health = health()
                return .health(isWell: health.isWell, json: health.json.serializedText)
            })
    }

    /// Opens the port for metrics and health, if there is to be one.
    private static func openMonitor(
        _ pages: MonitorPages, _ configuration: BrokerConfiguration, on group: any EventLoopGroup, _ logger: Logger
    ) async throws -> MonitorServer? {
        let settings = configuration.monitor
        guard settings.isEnabled else { return nil }
        let server = MonitorServer(group: group, pages: pages, logger: logger)
        let address = HostPort(host: settings.host ?? configuration.bindAddress, port: settings.port)
        let port = try await ProgramStart.openPort(address) {
            try await server.bind(host: address.host, port: address.port)
        }
        logger.info("metrics and health", metadata: ["address": "\(HostPort(host: address.host, port: port))"])
        return server
    }
}
