import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport

@testable import ClusterBackend
@testable import ProxyServer

/// A name server and a broker in one: answers as told, and remembers what it was asked.
final class FakeCluster: RemotingService {
    typealias Handler = @Sendable (RemotingCommand, RemotingServerConnection) -> Void

    private let handler: Handler
    private let seen = NIOLockedValueBox<[RemotingCommand]>([])

    init(_ handler: @escaping Handler) {
        self.handler = handler
    }

    var requests: [RemotingCommand] { seen.withLockedValue { $0 } }

    func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        seen.withLockedValue { $0.append(request) }
        handler(request, connection)
    }
}

/// What tests of the backend start from.
struct BackendFixture: Sendable {
    let backend: NIOLoopBound<ClusterBackend>
    let client: RemotingClient
    let eventLoop: any EventLoop
    let address: HostPort
    let topic: TopicSnapshot

    var broker: BrokerTarget { topic.brokers[0] }

    /// Runs a call of the backend on its loop and waits for what it completes with.
    func call<Answer: Sendable>(
        _ body: @escaping @Sendable (ClusterBackend, @escaping (Answer) -> Void) -> Void
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            eventLoop.execute { body(backend.value) { continuation.resume(returning: $0) } }
        }
    }
}

/// Serves `cluster` on a free port for the time of `body`.
func withBackend(
    _ cluster: FakeCluster, headerFormat: HeaderFormat = .rocketmq, _ body: (BackendFixture) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let server = RemotingServer(
        group: group, configuration: RemotingServerConfiguration(), service: cluster, logger: logger)
    let port = try await server.bind(host: "127.0.0.1", port: 0)
    let address = HostPort(host: "127.0.0.1", port: port)
    var settings = RemotingClientConfiguration()
    settings.headerFormat = headerFormat
    let eventLoop = group.next()
    let client = RemotingClient(eventLoop: eventLoop, configuration: settings, logger: logger)
    let backend = try await eventLoop.submit {
        NIOLoopBound(ClusterBackend(client: client, timeoutMillis: 2_000), eventLoop: eventLoop)
    }.get()
    let topic = TopicSnapshot(
        name: "topic",
        route: TopicRoute(
            queues: [QueueRoute(brokerName: "a", readQueueCount: 4, writeQueueCount: 4, permission: .readWrite)],
            brokers: [BrokerRoute(cluster: "c", brokerName: "a", addresses: [0: address.description])]),
        messageType: .normal)
    let fixture = BackendFixture(
        backend: backend, client: client, eventLoop: eventLoop, address: address, topic: topic)
    let result: Result<Void, any Error>
    do {
        result = .success(try await body(fixture))
    } catch {
        result = .failure(error)
    }
    client.shutdown()
    await server.shutdown(graceMillis: 100)
    try await group.shutdownGracefully()
    try result.get()
}

/// The address of a fake cluster, known only once it serves.
final class OwnAddress: Sendable {
    private let box = NIOLockedValueBox("")

    var text: String {
        get { box.withLockedValue { $0 } }
        set { box.withLockedValue { $0 = newValue } }
    }
}
