import BrokerServer
import Logging
import MessageModel
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
        let broker = try Broker.onDisk(configuration, logger: logger)
        try broker.open()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        var serverConfiguration = RemotingServerConfiguration()
        serverConfiguration.use(configuration.tls, certificate)
        let node = BrokerNode(
            broker: broker, group: group, serverConfiguration: serverConfiguration, logger: logger)
        do {
            let port = try await node.start()
            let address = HostPort(host: configuration.bindAddress, port: port)
            ProgramStart.printReady(program: "mqbroker", address: address.description)
            await lifecycle.stopRequested()
        } catch {
            try broker.close()
            throw error
        }
        await node.stop(graceMillis: drainMillisMax)
        try broker.close()
        try await group.shutdownGracefully()
        logger.info("stopped")
    }
}
