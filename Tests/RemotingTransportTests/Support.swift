import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

/// A service made of closures, which remembers what happened to its connections.
final class TestService: RemotingService {
    typealias Handler = @Sendable (RemotingCommand, RemotingServerConnection) -> Void

    private struct State {
        var opened: [UInt64] = []
        var closed: [UInt64] = []
        var waiters: [@Sendable () -> Void] = []
    }

    private let handler: Handler
    private let state = NIOLockedValueBox(State())

    init(_ handler: @escaping Handler) {
        self.handler = handler
    }

    var openedCount: Int { state.withLockedValue { $0.opened.count } }
    var closedCount: Int { state.withLockedValue { $0.closed.count } }

    func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        handler(request, connection)
    }

    func connectionOpened(_ connection: RemotingServerConnection) {
        state.withLockedValue { $0.opened.append(connection.id) }
    }

    func connectionClosed(_ connection: RemotingServerConnection) {
        let waiters = state.withLockedValue { state in
            state.closed.append(connection.id)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter() }
    }

    /// Waits until the next connection closed.
    func nextClose() async {
        await withCheckedContinuation { continuation in
            state.withLockedValue { $0.waiters.append { continuation.resume() } }
        }
    }
}

/// A server on a free loopback port and a client of it, for the time of one test.
func withServer(
    configuration: RemotingServerConfiguration = RemotingServerConfiguration(),
    clientConfiguration: RemotingClientConfiguration = RemotingClientConfiguration(), service: TestService,
    _ body: (_ client: RemotingClient, _ address: HostPort, _ server: RemotingServer) async throws -> Void
) async throws {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let group = MultiThreadedEventLoopGroup.singleton
    let server = RemotingServer(group: group, configuration: configuration, service: service, logger: logger)
    let port = try await server.bind(host: "127.0.0.1", port: 0)
    let client = RemotingClient(eventLoop: group.next(), configuration: clientConfiguration, logger: logger)
    let outcome: Result<Void, any Error>
    do {
        outcome = .success(try await body(client, HostPort(host: "127.0.0.1", port: port), server))
    } catch {
        outcome = .failure(error)
    }
    client.shutdown()
    await server.shutdown(graceMillis: 0)
    try outcome.get()
}
