import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// The port for who watches a program: `GET /metrics` and `GET /health` over HTTP/1.1. It reads and changes nothing.
///
/// Bounded in every way: connections, length of a request, time for each step, and one page of metrics at a time.
package final class MonitorServer: Sendable {
    /// More connections than this are closed at once.
    package static let connectionsMax = 32

    private let group: any EventLoopGroup
    private let pages: MonitorPages
    private let limits: MonitorConnectionState.Limits
    private let logger: Logger
    private let threads = NIOThreadPool(numberOfThreads: 1)
    private let state = NIOLockedValueBox(State())

    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var isShutDown = false
    }

    /// A server that does not listen yet.
    package convenience init(group: any EventLoopGroup, pages: MonitorPages, logger: Logger) {
        self.init(group: group, pages: pages, limits: MonitorConnectionState.Limits(), logger: logger)
    }

    init(
        group: any EventLoopGroup, pages: MonitorPages, limits: MonitorConnectionState.Limits, logger: Logger
    ) {
        self.group = group
        self.pages = pages
        self.limits = limits
        self.logger = logger
    }

    /// Listens on an address; port 0 takes a free one. Returns the port. Once.
    package func bind(host: String, port: Int) async throws -> Int {
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
            .bind(host: host, port: port)
            .get()
        threads.start()
        state.withLockedValue { $0.listener = listener }
        return listener.localAddress?.port ?? port
    }

    /// Connections that are open now.
    package var connectionCount: Int { state.withLockedValue { $0.connections.count } }

    /// Closes the port and all connections.
    package func shutdown() async {
        let (listener, connections) = state.withLockedValue { state in
            state.isShutDown = true
            defer { state.listener = nil }
            return (state.listener, Array(state.connections.values))
        }
        guard let listener else { return }
        listener.close(promise: nil)
        for connection in connections { connection.close(promise: nil) }
        for channel in [listener] + connections { try? await channel.closeFuture.get() }
        try? await threads.shutdownGracefully()
    }

    private func accept(_ channel: any Channel) throws {
        let key = ObjectIdentifier(channel)
        let isAdmitted = state.withLockedValue { state in
            guard !state.isShutDown, state.connections.count < Self.connectionsMax else { return false }
            state.connections[key] = channel
            return true
        }
        guard isAdmitted else {
            logger.debug("refused a connection to the monitor port", metadata: ["limit": "\(Self.connectionsMax)"])
            return channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in self.state.withLockedValue { $0.connections[key] = nil } }
        let (pages, threads) = (pages, threads)
        let handler = MonitorHandler(limits: limits) { route, eventLoop in
            switch route {
            case .refused(let answer): eventLoop.makeSucceededFuture(answer)
            case .health: eventLoop.makeSucceededFuture(pages.health())
            case .metrics: threads.runIfActive(eventLoop: eventLoop) { pages.metrics() }
            }
        }
        try MonitorHandler.install(handler, on: channel)
    }
}
