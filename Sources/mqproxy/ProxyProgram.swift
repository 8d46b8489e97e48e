import ClusterBackend
import Logging
import MessageModel
import NIOCore
import NIOPosix
import ProxyServer
import ServerSupport

/// The program `mqproxy`: reads its configuration and serves v5 clients until it is told to stop.
@main
enum ProxyProgram {
    static func main() async {
        switch ProxyOptions.parse(Array(CommandLine.arguments.dropFirst())) {
        case .failure(let problem):
            ProgramStart.printError("mqproxy: \(problem.message)\n\(ProxyOptions.usage)")
            exit(2)
        case .success(let options) where options.isHelpWanted:
            ProgramStart.printLine(ProxyOptions.usage)
        case .success(let options):
            do {
                try await run(options)
            } catch {
                ProgramStart.printError("mqproxy: \(error)")
                exit(1)
            }
        }
    }

    private static func run(_ options: ProxyOptions) async throws {
        let source = try options.configPath.map { try JSONConfigurationFile.load(path: $0) } ?? ConfigurationSource()
        var reader = ConfigurationReader(source, ignoredKeys: ProxyConfiguration.ignoredKeys)
        if let list = options.nameServers { reader.override("namesrvAddr", with: list, origin: "-n") }
        if let mode = options.mode { reader.override("proxyMode", with: mode, origin: "-pm") }
        if let path = options.brokerConfigPath { reader.override("brokerConfigPath", with: path, origin: "-bc") }
        if !reader.isGiven("namesrvAddr"), let list = ProxyOptions.environment("NAMESRV_ADDR") {
            reader.override("namesrvAddr", with: list, origin: "NAMESRV_ADDR")
        }
        let configuration = try ProxyConfiguration(reading: &reader)
        let report = try reader.finish()
        if options.isPrintWanted { return ProgramStart.printLine(report.listing) }
        LogSetup.bootstrap(level: LogSetup.levelFromEnvironment())
        let logger = Logger(label: "mqproxy")
        for warning in report.warnings { logger.warning("\(warning)") }
        if configuration.mode == .cluster, configuration.nameServers.isEmpty {
            throw ConfigurationError(
                .missingValue, file: options.configPath ?? "command line", key: "namesrvAddr",
                message: "cluster mode needs name servers: -n host:port, or -pm local for a broker in this process")
        }
        try await serve(configuration, logger)
    }

    private static func serve(_ configuration: ProxyConfiguration, _ logger: Logger) async throws {
        let lifecycle = try Lifecycle(logger: logger, drainMillisMax: Int(configuration.drainMillisMax) + 5_000)
        let threads = configuration.loopCount > 0 ? configuration.loopCount : System.coreCount
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let monitor = ProxyMonitor(configuration: configuration, group: group, logger: logger)
        let brokers: any BrokerSide
        switch configuration.mode {
        case .cluster:
            try await monitor.open()
            brokers = ClusterSide(configuration: configuration, group: group, logger: logger)
        case .local:
            brokers = try await LocalSide(configuration: configuration, group: group, monitor: monitor, logger: logger)
        }
        let front = try ProxyFront(
            configuration: configuration, group: group, brokers: brokers, logger: logger)
        monitor.watch(front)
        let port: Int
        let remotingPort: Int?
        do {
            port = try await front.bind()
            remotingPort = try await front.bindRemoting()
        } catch {
            await brokers.shutdown()
            throw error
        }
        for line in brokers.describe() + front.describe(port: port, remotingPort: remotingPort) {
            ProgramStart.printLine(line)
        }
        lifecycle.onReload { front.reloadCertificate() }
        ProgramStart.printReady(program: "mqproxy", address: "\(configuration.listenHost):\(port)")
        await lifecycle.stopRequested()
        await front.drain()
        await brokers.shutdown()
        await monitor.shutdown()
        try await group.shutdownGracefully()
    }
}

/// Where the brokers are, as the program composes it.
protocol BrokerSide: Sendable {
    /// Where routes and configurations come from.
    var metadata: any MetadataSource { get }
    /// The same for the port of remoting clients, which always goes through a name server.
    var remotingMetadata: ClusterMetadata { get }
    /// How long metadata is believed.
    var limits: MetadataLimits { get }
    /// The backend of one loop; called on that loop.
    func makeBackend(on eventLoop: any EventLoop) -> any Backend
    /// Has brokers ask the clients of this proxy, from now on: producers about their transactions, consumers what operators want
    /// to know.
    func serveQuestions(_ context: ProxyContext)
    /// Lines for the operator.
    func describe() -> [String]
    /// Stops what was started; called after the proxy's own port is drained.
    func shutdown() async
}
