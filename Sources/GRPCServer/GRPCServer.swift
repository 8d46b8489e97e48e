import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// A gRPC server over HTTP/2: accepts connections, keeps each on one event loop with that loop's own service.
package final class GRPCServer: Sendable {
    private struct State {
        var loops: [ObjectIdentifier: GRPCLoop] = [:]
        var listeners: [any Channel] = []
        var isDraining = false
    }

    private let group: any EventLoopGroup
    private let configuration: GRPCServerConfiguration
    private let makeService: @Sendable (any EventLoop) -> any GRPCService
    private let logger: Logger
    private let state = NIOLockedValueBox(State())
    /// Connections open and the next connection's number.
    private let connections = NIOLockedValueBox((open: 0, nextID: UInt64(1)))

    /// A server that accepts nothing until `bind`. `serviceFactory` is called once a loop, on that loop.
    package init(
        group: any EventLoopGroup, configuration: GRPCServerConfiguration,
        serviceFactory: @escaping @Sendable (any EventLoop) -> any GRPCService, logger: Logger
    ) {
        self.group = group
        self.configuration = configuration
        self.makeService = serviceFactory
        self.logger = logger
    }

    /// Listens on an address; port 0 takes a free one. Answers the port. May be called for several addresses.
    package func bind(host: String, port: Int) async throws -> Int {
        let loops = try await makeLoops()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 128 << 10, high: 512 << 10))
            .childChannelOption(.recvAllocator, value: TransientReceiveAllocator())
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [self] channel in accept(channel, loops) }
            .bind(host: host, port: port).get()
        state.withLockedValue { $0.listeners.append(channel) }
        return channel.localAddress?.port ?? port
    }

    private func makeLoops() async throws -> [ObjectIdentifier: GRPCLoop] {
        let existing = state.withLockedValue { $0.loops }
        if !existing.isEmpty { return existing }
        var loops: [ObjectIdentifier: GRPCLoop] = [:]
        for eventLoop in group.makeIterator() {
            let loop = try await eventLoop.submit { [configuration, makeService, logger] in
                GRPCLoop(
                    eventLoop: eventLoop, configuration: configuration, service: makeService(eventLoop),
                    logger: logger, clock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) })
            }.get()
            loops[ObjectIdentifier(eventLoop)] = loop
        }
        return state.withLockedValue { state in
            if state.loops.isEmpty { state.loops = loops }
            return state.loops
        }
    }

    /// Serves a connection that another server accepted on a loop of the same group, and read the first bytes of. Call it
    /// on that loop; before `bind` the connection is closed.
    package func adopt(_ channel: any Channel, _ bytes: ByteBuffer, remoteAddress: String, isTLS: Bool) {
        let loop = state.withLockedValue { $0.loops[ObjectIdentifier(channel.eventLoop)] }
        guard let loop, let id = admit(channel, loop) else { return channel.close(promise: nil) }
        let connection = GRPCConnection(id: id, loop: loop)
        do {
            try channel.pipeline.syncOperations.addHandler(connection)
            connection.adopt(bytes, remoteAddress: remoteAddress, isTLS: isTLS)
        } catch {
            channel.close(promise: nil)
        }
    }

    private func accept(_ channel: any Channel, _ loops: [ObjectIdentifier: GRPCLoop]) -> EventLoopFuture<Void> {
        guard let loop = loops[ObjectIdentifier(channel.eventLoop)] else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        guard let id = admit(channel, loop) else { return channel.close() }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(GRPCConnection(id: id, loop: loop))
        }
    }

    /// Counts a connection; nil when there are too many.
    private func admit(_ channel: any Channel, _ loop: GRPCLoop) -> UInt64? {
        let limit = configuration.connectionsMax
        let id: UInt64? = connections.withLockedValue { connections in
            guard connections.open < limit else { return nil }
            connections.open += 1
            connections.nextID += 1
            return connections.nextID - 1
        }
        guard let id, !loop.isDraining else {
            if id != nil { connections.withLockedValue { $0.open -= 1 } }
            logger.debug("connection limit reached", metadata: ["limit": "\(limit)"])
            return nil
        }
        channel.closeFuture.whenComplete { [connections] _ in connections.withLockedValue { $0.open -= 1 } }
        return id
    }

    /// Connections open now.
    package var connectionCount: Int { connections.withLockedValue { $0.open } }

    /// Stops accepting, sends clients elsewhere, lets calls in flight finish, and closes everything at the latest after
    /// `deadlineMillis`.
    package func drain(deadlineMillis: Int64) async {
        let (listeners, loops) = state.withLockedValue { state in
            defer { state.listeners = [] }
            return (state.listeners, Array(state.loops.values))
        }
        for listener in listeners {
            do {
                try await listener.close()
            } catch {
                logger.debug("listener was closed already", metadata: ["error": "\(error)"])
            }
        }
        let ends = loops.map { loop in
            let end = loop.eventLoop.flatSubmit { loop.beginDrain() }
            let deadline = loop.eventLoop.scheduleTask(in: .milliseconds(deadlineMillis)) { loop.closeAll() }
            end.whenComplete { _ in deadline.cancel() }
            return end
        }
        for end in ends {
            do {
                try await end.get()
            } catch {
                logger.debug("loop went away while draining", metadata: ["error": "\(error)"])
            }
        }
    }
}
