import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Listens on any number of addresses and serves remoting requests with one service.
package final class RemotingServer: Sendable {
    private struct State {
        var listeners: [any Channel] = []
        var loops: [ObjectIdentifier: ServerLoop] = [:]
        var connectionCount = 0
        var nextID: UInt64 = 1
        var isShutDown = false
    }

    private let group: any EventLoopGroup
    private let configuration: RemotingServerConfiguration
    private let service: any RemotingService
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    /// A server that does not listen yet.
    package init(
        group: any EventLoopGroup, configuration: RemotingServerConfiguration = RemotingServerConfiguration(),
        service: any RemotingService, logger: Logger
    ) {
        self.group = group
        self.configuration = configuration
        self.service = service
        self.logger = logger
    }

    /// Connections that are open now, unannounced ones included.
    package var connectionCount: Int { state.withLockedValue { $0.connectionCount } }

    /// Listens on an address; port 0 takes a free one. Returns the port.
    package func bind(host: String, port: Int) async throws -> Int {
        let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
            low: configuration.outputBytesLow, high: configuration.outputBytesHigh)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: configuration.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: waterMark)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
            }
            .bind(host: host, port: port)
            .get()
        state.withLockedValue { $0.listeners.append(listener) }
        return listener.localAddress?.port ?? port
    }

    /// Stops listening, lets requests in flight be answered for at most `graceMillis`, and closes all connections.
    package func shutdown(graceMillis: Int64) async {
        let (listeners, loops) = state.withLockedValue { state in
            state.isShutDown = true
            defer { state.listeners = [] }
            return (state.listeners, Array(state.loops.values))
        }
        for listener in listeners { try? await listener.close().get() }
        for loop in loops {
            loop.eventLoop.scheduleTask(in: .milliseconds(max(0, graceMillis))) { loop.closeAll() }
        }
        for loop in loops {
            try? await loop.eventLoop.flatSubmit { loop.drain() }.get()
        }
    }

    /// Serves a connection that another server accepted, and read the first bytes of. Call it on the channel's loop.
    package func adopt(_ channel: any Channel, _ bytes: ByteBuffer, remoteAddress: String) {
        do {
            guard let detector = try admit(channel) else { return }
            try channel.pipeline.syncOperations.addHandler(detector)
            let context = try channel.pipeline.syncOperations.context(handler: detector)
            detector.adopt(bytes, remoteAddress: remoteAddress, context)
        } catch {
            channel.close(promise: nil)
        }
    }

    private func accept(_ channel: any Channel) throws {
        guard let detector = try admit(channel) else { return }
        try channel.pipeline.syncOperations.addHandler(detector)
    }

    private func admit(_ channel: any Channel) throws -> ProtocolDetector? {
        let admitted: (loop: ServerLoop, id: UInt64)? = state.withLockedValue { state in
            guard !state.isShutDown, state.connectionCount < configuration.connectionsMax else { return nil }
            state.connectionCount += 1
            state.nextID += 1
            let key = ObjectIdentifier(channel.eventLoop)
            if let loop = state.loops[key] { return (loop, state.nextID) }
            let loop = ServerLoop(
                eventLoop: channel.eventLoop, configuration: configuration, service: service, logger: logger)
            state.loops[key] = loop
            return (loop, state.nextID)
        }
        guard let admitted else {
            logger.warning(
                "refused a connection, as many as allowed are open",
                metadata: ["remote": "\(AddressText.text(of: channel.remoteAddress))"])
            channel.close(promise: nil)
            return nil
        }
        channel.closeFuture.whenComplete { _ in
            self.state.withLockedValue { $0.connectionCount -= 1 }
        }
        return ProtocolDetector(loop: admitted.loop, connectionID: admitted.id)
    }
}
