import MessageModel
import NIOCore
import NIOPosix

/// A TCP connection that carries bytes without frames of ours: what replication speaks.
package final class ByteStream: Sendable {
    /// What happens on a connection; all on its event loop.
    package struct Events: Sendable {
        /// It is there.
        package var opened: @Sendable (ByteStream) -> Void
        /// Bytes came. While this runs, no more are read.
        package var received: @Sendable (ByteStream, ByteBuffer) -> Void
        /// It is gone; called once, after `opened`.
        package var closed: @Sendable (ByteStream) -> Void

        /// Events.
        package init(
            opened: @escaping @Sendable (ByteStream) -> Void,
            received: @escaping @Sendable (ByteStream, ByteBuffer) -> Void,
            closed: @escaping @Sendable (ByteStream) -> Void
        ) {
            self.opened = opened
            self.received = received
            self.closed = closed
        }
    }

    private let channel: any Channel

    init(channel: any Channel) {
        self.channel = channel
    }

    /// What tells it from every other connection of the process while it lives.
    package var id: ObjectIdentifier { ObjectIdentifier(self) }

    /// The other end, `host:port`.
    package var remoteAddress: String { AddressText.text(of: channel.remoteAddress) }

    /// Sends bytes; any thread. How much may wait is for the sender to bound.
    package func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

    /// Ends the connection; any thread.
    package func close() { channel.close(promise: nil) }

    // MARK: Making

    /// Listens on an address, and answers how to stop that. How many connections there may be is for `events` to bound.
    package static func listen(
        on group: any EventLoopGroup, host: String, port: Int, events: Events
    ) async throws -> ByteStreamListener {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ByteStreamHandler(stream: ByteStream(channel: channel), events: events))
                }
            }
            .bind(host: host, port: port)
            .get()
        return ByteStreamListener(channel: channel)
    }

    /// Connects to an address. `failed` is called instead of the events when that does not come to pass.
    package static func connect(
        to address: HostPort, on eventLoop: any EventLoop, timeoutMillis: Int64, events: Events,
        failed: @escaping @Sendable (any Error) -> Void
    ) {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.milliseconds(timeoutMillis))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ByteStreamHandler(stream: ByteStream(channel: channel), events: events))
                }
            }
            .connect(host: address.host, port: address.port)
            .whenFailure(failed)
    }
}

/// What listens for byte streams.
package struct ByteStreamListener: Sendable {
    private let channel: any Channel

    init(channel: any Channel) {
        self.channel = channel
    }

    /// Takes no more connections; those that are open stay.
    package func close() { channel.close(promise: nil) }
}

private final class ByteStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let stream: ByteStream
    private let events: ByteStream.Events
    private var isOpen = false

    init(stream: ByteStream, events: ByteStream.Events) {
        self.stream = stream
        self.events = events
    }

    func channelActive(context: ChannelHandlerContext) {
        isOpen = true
        events.opened(stream)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { events.received(stream, unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) {
        guard isOpen else { return }
        isOpen = false
        events.closed(stream)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
