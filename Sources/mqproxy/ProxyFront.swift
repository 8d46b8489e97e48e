import GRPCServer
import Logging
import MessageModel
import NIOCore
import ProxyServer
import ServerSupport

/// The gRPC port and what is behind it.
final class ProxyFront: Sendable {
    private let configuration: ProxyConfiguration
    private let server: GRPCServer
    private let context: ProxyContext
    private let certificate: LazyTLSContext
    private let sweep: RepeatedTask
    private let readiness = Readiness()
    private let probing: Task<Void, Never>
    private let remoting: RemotingPort

    init(
        configuration: ProxyConfiguration, group: any EventLoopGroup, brokers: any BrokerSide, logger: Logger
    ) throws {
        self.configuration = configuration
        let context = ProxyContext(
            configuration: configuration, metadata: brokers.metadata, limits: brokers.limits, logger: logger)
        self.context = context
        brokers.serveQuestions(context)
        let certificate = LazyTLSContext(Self.tlsSettings(configuration), logger: logger)
        try certificate.load()
        self.certificate = certificate
        var settings = GRPCServerConfiguration()
        settings.messageBytesMax = configuration.grpcMessageBytesMax
        settings.connectionsMax = configuration.connectionsMax
        settings.connectionAgeMillisMax = configuration.connectionAgeMillisMax
        settings.tlsContext = { certificate.context }
        let other = RemotingPort()
        remoting = other
        settings.adoptRemoting = { channel, bytes, address in other.adopt(channel, bytes, address) }
        server = GRPCServer(
            group: group, configuration: settings,
            serviceFactory: { [readiness] loop in
                GRPCServiceStack(
                    main: ProxyService(context: context, eventLoop: loop, backend: brokers.makeBackend(on: loop)),
                    side: [
                        HealthService(readiness: readiness, eventLoop: loop), ReflectionService(),
                        AdminService(setLogLevel: LogSetup.setLevel),
                    ])
            }, logger: logger)
        let grpc = server
        other.front = RemotingFront(
            configuration: configuration, group: group, metadata: brokers.remotingMetadata,
            tlsContext: { certificate.context },
            adoptHTTP2: { channel, bytes, address, isTLS in
                grpc.adopt(channel, bytes, remoteAddress: address, isTLS: isTLS)
            }, logger: logger)
        probing = Self.probe(brokers.metadata, readiness, logger)
        sweep = group.next().scheduleRepeatedTask(initialDelay: .seconds(5), delay: .seconds(5)) { _ in context.sweep()
        }
    }

    /// Asks again and again whether a name server and a broker answer.
    private static func probe(
        _ metadata: any MetadataSource, _ readiness: Readiness, _ logger: Logger
    ) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                do throws(ProxyError) {
                    try await metadata.probe()
                    if readiness.note(isAnswered: true) { logger.info("ready: a name server and a broker answer") }
                } catch {
                    if readiness.note(isAnswered: false) {
                        logger.warning("not ready", metadata: ["reason": "\(error.message)"])
                    }
                }
                let wait = readiness.isReady ? probeMillis : probeMillisWhileDown
                do { try await Task.sleep(for: .milliseconds(wait)) } catch { return }
            }
        }
    }

    private static let probeMillis = 2_000
    private static let probeMillisWhileDown = 500

    private static func tlsSettings(_ configuration: ProxyConfiguration) -> TLSSettings {
        let isSelfSigned = configuration.isTLSTestMode
        return TLSSettings(
            certificatePath: isSelfSigned ? nil : configuration.tlsCertificatePath,
            keyPath: isSelfSigned ? nil : configuration.tlsKeyPath, applicationProtocols: ["h2"])
    }

    /// Opens the port; answers its number.
    func bind() async throws -> Int {
        let address = HostPort(host: configuration.listenHost, port: configuration.grpcPort)
        return try await ProgramStart.openPort(address) { [server] in
            try await server.bind(host: address.host, port: address.port)
        }
    }

    /// Opens the port for remoting clients; nil when there is none.
    func bindRemoting() async throws -> Int? { try await remoting.front?.bind() }

    /// Connections from now on get the certificate that is in the files now.
    func reloadCertificate() { certificate.reload() }

    /// What clients are told, for the operator.
    func describe(port: Int, remotingPort: Int?) -> [String] {
        let told = configuration.advertisedAddress.map { "\($0)" } ?? "the address they dialled"
        let certificate = configuration.isTLSTestMode ? "self-signed" : configuration.tlsCertificatePath ?? ""
        let line =
            "v5 clients: \(configuration.listenHost):\(port) with or without TLS (certificate: \(certificate)); "
            + "routes tell them \(told)"
        return [line] + (remotingPort.flatMap { remoting.front?.describe(port: $0) }.map { [$0] } ?? [])
    }

    /// What it counts now.
    var figures: ProxyFigures {
        ProxyFigures(
            isReady: readiness.isReady, grpcConnections: server.connectionCount,
            remotingConnections: remoting.front?.connectionCount ?? 0)
    }

    func drain() async {
        readiness.drain()
        probing.cancel()
        sweep.cancel()
        async let isRemotingDrained: Void? = remoting.front?.drain()
        await server.drain(deadlineMillis: configuration.drainMillisMax)
        await isRemotingDrained
    }
}
