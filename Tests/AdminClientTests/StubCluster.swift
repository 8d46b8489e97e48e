import AdminClient
import Foundation
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NameServer
import RemotingCodec
import RemotingTransport
import ServerSupport

/// A broker that notes requests and gives prepared answers.
final class StubBroker: RemotingService {
    struct Seen: Sendable {
        var code: RequestCode
        var fields: [String: String]
        var body: String
    }

    let seen = NIOLockedValueBox<[Seen]>([])
    let answers: NIOLockedValueBox<[RequestCode: (code: ResponseCode, body: String)]> = NIOLockedValueBox([:])
    private let silent = NIOLockedValueBox<Set<RequestCode>>([])

    func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let fields = Dictionary(request.fields.pairs().map { ($0.name, $0.value) }) { $1 }
        seen.withLockedValue {
            $0.append(Seen(code: request.requestCode, fields: fields, body: String(buffer: request.body)))
        }
        let answer = answers.withLockedValue { $0[request.requestCode] } ?? (code: .success, body: "")
        guard !silent.withLockedValue({ $0.contains(request.requestCode) }) else { return }
        connection.respond(to: request, code: answer.code, remark: "stub", body: ByteBuffer(string: answer.body))
    }

    /// From now on there is no answer to such requests.
    func silence(_ code: RequestCode) { silent.withLockedValue { _ = $0.insert(code) } }

    func requests(_ code: RequestCode) -> [Seen] { seen.withLockedValue { $0.filter { $0.code == code } } }

    func answer(_ code: RequestCode, _ body: String, _ response: ResponseCode = .success) {
        answers.withLockedValue { $0[code] = (response, body) }
    }
}

/// A name server and one broker behind real sockets, and a client for them.
final class StubCluster: Sendable {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let broker = StubBroker()
    let brokerAddress: String
    let nameServers: [HostPort]
    let admin: AdminClient
    private let servers: [RemotingServer]
    private let client: RemotingClient

    init(topics: [String]) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var servers: [RemotingServer] = []
        var nameServers: [HostPort] = []
        let brokerServer = RemotingServer(group: group, service: broker, logger: logger)
        let brokerPort = try await brokerServer.bind(host: "127.0.0.1", port: 0)
        brokerAddress = "127.0.0.1:\(brokerPort)"
        servers.append(brokerServer)
        for _ in 0..<2 {
            let nameServer = try Self.nameServer(logger)
            try nameServer.register(
                BrokerRegistration(
                    cluster: "C", brokerName: "broker-a", address: brokerAddress, brokerId: 0,
                    dataVersion: DataVersion(counter: 1), topics: topics.map { TopicConfig(name: $0) }))
            let server = RemotingServer(group: group, service: nameServer, logger: logger)
            nameServers.append(HostPort(host: "127.0.0.1", port: try await server.bind(host: "127.0.0.1", port: 0)))
            servers.append(server)
        }
        self.servers = servers
        self.nameServers = nameServers
        client = RemotingClient(eventLoop: group.next(), logger: logger)
        admin = AdminClient(client: client, nameServers: nameServers)
    }

    /// A client with other name servers on the same connections.
    func admin(with nameServers: [HostPort]) -> AdminClient { AdminClient(client: client, nameServers: nameServers) }

    private static func nameServer(_ logger: Logger) throws -> NameServer {
        let source = ConfigurationSource()
        let home = NSTemporaryDirectory() + "admin-" + UUID().uuidString
        let (configuration, report) = try NameServerConfiguration.load(source, home: home, configPath: nil)
        return try NameServer(
            configuration: configuration, report: report, source: source, nowMillis: { 1_000 },
            blockingQueue: { work in
                work()
                try? FileManager.default.removeItem(atPath: home)
                return true
            }, logger: logger)
    }

    func stop() async throws {
        client.shutdown()
        for server in servers { await server.shutdown(graceMillis: 1_000) }
        try await group.shutdownGracefully()
    }
}
