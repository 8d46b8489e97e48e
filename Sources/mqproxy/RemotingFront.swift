import ClusterBackend
import Logging
import MessageModel
import NIOCore
import NIOSSL
import ProxyServer
import RemotingTransport
import ServerSupport

/// The place of the remoting port, which the gRPC port is told of before it exists: each passes connections to the other.
// @unchecked: `front` is set once, before any port is opened.
final class RemotingPort: @unchecked Sendable {
    var front: RemotingFront?

    func adopt(_ channel: any Channel, _ bytes: ByteBuffer, _ remoteAddress: String) {
        guard let front else { return channel.close(promise: nil) }
        front.adopt(channel, bytes, remoteAddress)
    }
}

/// The port for clients of the remoting protocol.
final class RemotingFront: Sendable {
    private let configuration: ProxyConfiguration
    private let server: RemotingServer
    private let logger: Logger

    init(
        configuration: ProxyConfiguration, group: any EventLoopGroup, metadata: ClusterMetadata,
        tlsContext: @escaping @Sendable () -> NIOSSLContext?,
        adoptHTTP2: @escaping @Sendable (any Channel, ByteBuffer, String, Bool) -> Void, logger: Logger
    ) {
        self.configuration = configuration
        self.logger = logger
        var settings = RemotingServerConfiguration()
        settings.connectionsMax = configuration.connectionsMax
        settings.tlsContext = tlsContext
        settings.adoptHTTP2 = adoptHTTP2
        let port = configuration.remotingPort ?? ProxyConfiguration.remotingPortDefault
        let relay = RemotingRelay(
            metadata: metadata, advertised: configuration.remotingAdvertisedHost.map { HostPort(host: $0, port: port) },
            clock: .system, logger: logger)
        server = RemotingServer(group: group, configuration: settings, service: relay, logger: logger)
    }

    /// Opens the port; nil when it is switched off, or when nobody asked for it and it is taken.
    func bind() async throws -> Int? {
        let port = configuration.remotingPort ?? ProxyConfiguration.remotingPortDefault
        guard port > 0 || configuration.remotingPort == nil else { return nil }
        let address = HostPort(host: configuration.listenHost, port: port)
        do {
            return try await ProgramStart.openPort(address) { [server] in
                try await server.bind(host: address.host, port: address.port)
            }
        } catch {
            guard configuration.remotingPort == nil else { throw error }
            logger.warning("no port for remoting clients (remotingListenPort)", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// Serves a connection that came to the other port.
    func adopt(_ channel: any Channel, _ bytes: ByteBuffer, _ remoteAddress: String) {
        server.adopt(channel, bytes, remoteAddress: remoteAddress)
    }

    /// Connections that are open now.
    var connectionCount: Int { server.connectionCount }

    /// What clients are told, for the operator.
    func describe(port: Int) -> String {
        let told = configuration.remotingAdvertisedHost.map { "\($0):\(port)" } ?? "the address they dialled"
        return "remoting clients: \(configuration.listenHost):\(port); routes tell them \(told)"
    }

    func drain() async {
        await server.shutdown(graceMillis: configuration.drainMillisMax)
    }
}
