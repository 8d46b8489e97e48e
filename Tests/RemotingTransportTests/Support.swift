import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

/// A logger for nobody.
let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A service made of closures, which remembers what happened to its connections.
final class TestService: RemotingService {
    typealias Handler = @Sendable (RemotingCommand, RemotingServerConnection) -> Void

    private struct State {
        var opened: [UInt64] = []
        var closed: [UInt64] = []
        var waiters: [(count: Int, wake: @Sendable () -> Void)] = []
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
        let due = state.withLockedValue { state in
            state.closed.append(connection.id)
            let due = state.waiters.filter { $0.count <= state.closed.count }
            state.waiters.removeAll { $0.count <= state.closed.count }
            return due
        }
        for waiter in due { waiter.wake() }
    }

    /// Waits until at least this many connections closed.
    func closes(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLockedValue { state in
                if state.closed.count < count {
                    state.waiters.append((count, { continuation.resume() }))
                    return false
                }
                return true
            }
            if isDone { continuation.resume() }
        }
    }
}

/// A server on a free loopback port and a client of it, for the time of one test.
func withServer(
    configuration: RemotingServerConfiguration = RemotingServerConfiguration(),
    clientConfiguration: RemotingClientConfiguration = RemotingClientConfiguration(), service: TestService,
    _ body: (_ client: RemotingClient, _ address: HostPort, _ server: RemotingServer) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let server = RemotingServer(group: group, configuration: configuration, service: service, logger: quietLogger)
    let port = try await server.bind(host: "127.0.0.1", port: 0)
    let client = RemotingClient(eventLoop: group.next(), configuration: clientConfiguration, logger: quietLogger)
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
