import Logging
import MessageModel
import MonitorServer
import NIOCore
import NIOPosix
import NameServer
import RemotingTransport
import ServerSupport

/// The program `mqnamesrv`: reads its configuration and runs one name server until it is told to stop.
@main
enum NameServerProgram {
    private static let drainMillisMax: Int64 = 5_000

    static func main() async {
        switch NameServerOptions.parse(Array(CommandLine.arguments.dropFirst())) {
        case .failure(let problem):
            ProgramStart.printError("mqnamesrv: \(problem.message)\n\(NameServerOptions.usage)")
            exit(2)
        case .success(let options) where options.isHelpWanted:
            ProgramStart.printLine(NameServerOptions.usage)
        case .success(let options):
            do {
                try await run(options)
            } catch {
                ProgramStart.printError("mqnamesrv: \(error)")
                exit(1)
            }
        }
    }

    private static func run(_ options: NameServerOptions) async throws {
        let source = try options.configPath.map { try PropertiesFile.load(path: $0) } ?? ConfigurationSource()
        let (configuration, report) = try NameServerConfiguration.load(
            source, home: homeDirectory, configPath: options.configPath)
        if options.isPrintWanted { return ProgramStart.printLine(String(report.listing.dropLast())) }
        LogSetup.bootstrap(level: LogSetup.levelFromEnvironment())
        let logger = Logger(label: "mqnamesrv")
        for warning in report.warnings { logger.warning("\(warning)") }
        try await serve(configuration, report, source, logger)
    }

    private static func serve(
        _ configuration: NameServerConfiguration, _ report: ConfigurationReport, _ source: ConfigurationSource,
        _ logger: Logger
    ) async throws {
        let files = SerialWorker(name: "settings")
        let nameServer = try NameServer(
            configuration: configuration, report: report, source: source, nowMillis: nowMillis,
            blockingQueue: files.submit, logger: logger)
        let lifecycle = try Lifecycle(logger: logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var serverConfiguration = RemotingServerConfiguration()
        serverConfiguration.idleMillisMax = Int64(configuration.serverChannelMaxIdleTimeSeconds) * 1_000
        let server = RemotingServer(
            group: group, configuration: serverConfiguration, service: nameServer, logger: logger)
        var address = HostPort(host: configuration.bindAddress, port: configuration.listenPort)
        address.port = try await ProgramStart.openPort(address) { [address] in
            try await server.bind(host: address.host, port: address.port)
        }
        let monitor = try await openMonitor(configuration, nameServer, server, group, logger)
        nameServer.startScanning(on: group.next())
        ProgramStart.printReady(program: "mqnamesrv", address: address.description)
        await lifecycle.stopRequested()
        await server.shutdown(graceMillis: drainMillisMax)
        await monitor?.shutdown()
        await withCheckedContinuation { continuation in files.close { continuation.resume() } }
        try await group.shutdownGracefully()
        logger.info("stopped")
    }

    /// Opens the port for metrics and health, if there is to be one.
    private static func openMonitor(
        _ configuration: NameServerConfiguration, _ nameServer: NameServer, _ server: RemotingServer,
        _ group: any EventLoopGroup, _ logger: Logger
    ) async throws -> MonitorServer? {
        let settings = configuration.monitor
        guard settings.isEnabled else { return nil }
        let pages = MonitorPages(
            metrics: {
                var page = MetricsPage(common: nameServer.metricLabels, rowsMax: settings.seriesMax)
                nameServer.addMetrics(to: &page)
                page.add(
                    .gauge, "rocketmq_namesrv_connections", "Connections to the name server",
                    Int64(server.connectionCount))
                return MonitorAnswer(status: 200, contentType: MetricsPage.contentType, body: page.text)
            }, health: { .health(isWell: true, json: #"{"status":"ready"}"#) })
        let monitor = MonitorServer(group: group, pages: pages, logger: logger)
        let address = HostPort(host: settings.host ?? configuration.bindAddress, port: settings.port)
        let port = try await ProgramStart.openPort(address) {
            try await monitor.bind(host: address.host, port: address.port)
        }
        logger.info("metrics and health", metadata: ["address": "\(HostPort(host: address.host, port: port))"])
        return monitor
    }
}
