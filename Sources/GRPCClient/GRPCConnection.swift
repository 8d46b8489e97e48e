import NIOCore
import NIOPosix
import NIOSSL

/// One HTTP/2 connection for unary and server-streaming gRPC calls, bound to its event loop: everything here is called
/// there only.
///
/// Calls are pipelined without a limit of its own; whoever calls bounds what is in flight. Bytes are written once per
/// tick of the loop. When the connection ends, every call that waits gets an answer without status.
package final class GRPCConnection {
    private let channel: any Channel
    private let session = ClientSession()
    private var isFlushBooked = false

    /// Whether calls can be made.
    package private(set) var isOpen = true

    /// Connects on a loop.
    package static func connect(
        host: String, port: Int, tls: NIOSSLContext? = nil, on loop: any EventLoop
    ) -> EventLoopFuture<NIOLoopBound<GRPCConnection>> {
        ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
                    }
                    try pipeline.addHandler(ConnectionHandler(GRPCConnection(channel: channel)))
                }
            }
            .connect(host: host, port: port)
            .flatMapThrowing { channel in
                let handler = try channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
                return NIOLoopBound(handler.connection, eventLoop: loop)
            }
    }

    private init(channel: any Channel) {
        self.channel = channel
    }

    /// Makes a call. `message` comes without gRPC's prefix; the completion runs on the loop, exactly once.
    package func call(
        _ method: GRPCMethod, message: ByteBuffer, completion: @escaping (GRPCAnswer) -> Void
    ) {
        var upload = channel.allocator.buffer(capacity: message.readableBytes + 5)
        upload.writeMultipleIntegers(UInt8(0), UInt32(message.readableBytes))
        upload.writeImmutableBuffer(message)
        let call = ClientCall(upload: upload, completion: completion)
        guard isOpen, session.submit(method, call) else {
            call.statusMessage = "the connection is closed"
            return call.finish()
        }
        bookFlush()
    }

    /// Closes the connection.
    package func close() {
        channel.close(promise: nil)
    }

    private func bookFlush() {
        guard !isFlushBooked else { return }
        isFlushBooked = true
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.execute { bound.value.flush() }
    }

    fileprivate func flush() {
        isFlushBooked = false
        guard isOpen else { return }
        var output = channel.allocator.buffer(capacity: 4_096)
        session.drain(into: &output)
        if output.readableBytes > 0 { channel.writeAndFlush(output, promise: nil) }
        if session.isOver { channel.close(promise: nil) }
    }

    fileprivate func received(_ bytes: ByteBuffer) {
        guard bytes.withUnsafeReadableBytes({ session.receive($0) }) else { return channel.close(promise: nil) }
        bookFlush()
    }

    fileprivate func ended() {
        isOpen = false
        session.finishAll()
    }
}

/// Moves bytes between the channel and the connection.
private final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let connection: GRPCConnection

    init(_ connection: GRPCConnection) {
        self.connection = connection
    }

    func channelActive(context: ChannelHandlerContext) {
        connection.flush()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.ended()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
