import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// A raw gRPC client over a loopback socket for tests. What the server sent is looked at with `read`, and waited for with
/// `wait`, which returns at the event that makes its condition true.
package final class GRPCTestClient: Sendable {
    /// The connection ended before what was waited for.
    package struct ConnectionClosed: Error {}

    private let channel: any Channel
    private let handler: NIOLoopBound<Handler>

    private init(channel: any Channel, handler: NIOLoopBound<Handler>) {
        self.channel = channel
        self.handler = handler
    }

    /// Connects to 127.0.0.1. `firstBytes` go before everything else (a PROXY header).
    package static func connect(
        port: Int, tls: NIOSSLContext? = nil, firstBytes: [UInt8] = [],
        makeClient: @escaping @Sendable () -> HTTP2Client = { HTTP2Client() },
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> GRPCTestClient {
        let made = NIOLockedValueBox<NIOLoopBound<Handler>?>(nil)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if !firstBytes.isEmpty { try pipeline.addHandler(FirstBytesHandler(firstBytes)) }
                    if let tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
                    }
                    let handler = Handler(client: makeClient())
                    try pipeline.addHandler(handler)
                    made.withLockedValue { $0 = NIOLoopBound(handler, eventLoop: channel.eventLoop) }
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        guard let handler = made.withLockedValue({ $0 }) else { throw ConnectionClosed() }
        return GRPCTestClient(channel: channel, handler: handler)
    }

    /// The fields of a gRPC request.
    package static func fields(_ path: String, _ extra: [(String, String)] = []) -> [(String, String)] {
        [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"), ("te", "trailers"),
            ("content-type", "application/grpc"),
        ] + extra
    }

    /// A message with its five-byte prefix.
    package static func frame(_ message: [UInt8], isCompressed: Bool = false) -> [UInt8] {
        [isCompressed ? 1 : 0] + withUnsafeBytes(of: UInt32(message.count).bigEndian, Array.init) + message
    }

    /// Does something with the session on its loop, then writes what came of it.
    @discardableResult
    package func run<R: Sendable>(_ body: @escaping @Sendable (HTTP2Client) -> R) async throws -> R {
        try await channel.eventLoop.submit { [handler] in
            let result = body(handler.value.client)
            handler.value.flush()
            return result
        }.get()
    }

    /// Waits until the condition holds after some bytes have come.
    package func wait(until condition: @escaping @Sendable (HTTP2Client) -> Bool) async throws {
        try await channel.eventLoop.flatSubmit { [handler, channel] in
            let promise = channel.eventLoop.makePromise(of: Void.self)
            handler.value.wait(until: condition, promise)
            return promise.futureResult
        }.get()
    }

    /// One call: opens a stream, sends the messages, ends, waits for the end of the answer.
    package func call(
        _ path: String, messages: [[UInt8]] = [[]], extra: [(String, String)] = []
    ) async throws -> HTTP2Client.Answer {
        let id = try await run { client in
            let id = client.open(GRPCTestClient.fields(path, extra))
            client.send(messages.flatMap { GRPCTestClient.frame($0) }, on: id, isEnded: true)
            return id
        }
        return try await answer(of: id)
    }

    /// Waits for the stream's end and answers what came on it.
    package func answer(of stream: Int32) async throws -> HTTP2Client.Answer {
        try await wait { $0.answers[stream]?.closeCode != nil || $0.answers[stream]?.isEnded == true }
        return try await run { NIOUnsafeTransferBox($0.answers[stream] ?? HTTP2Client.Answer()) }.value
    }

    /// Writes bytes past the session.
    package func writeRaw(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// Stops or resumes reading from the socket.
    package func setReading(_ isReading: Bool) async throws {
        try await channel.setOption(.autoRead, value: isReading).get()
    }

    /// Waits until the connection has closed.
    package func waitForClose() async throws {
        try await channel.closeFuture.get()
    }

    /// Closes the connection.
    package func close() async {
        channel.close(promise: nil)
        _ = try? await channel.closeFuture.get()
    }
}

/// Carries a value out of its loop; whoever receives it is its only owner.
private struct NIOUnsafeTransferBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Writes bytes in front of everything, TLS included.
private final class FirstBytesHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        context.fireChannelActive()
    }
}

/// Moves bytes between the channel and the session and wakes waiters.
private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let client: HTTP2Client
    private var context: ChannelHandlerContext?
    private var waiters: [((HTTP2Client) -> Bool, EventLoopPromise<Void>)] = []
    private var isClosed = false

    init(client: HTTP2Client) {
        self.client = client
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.receive(Array(unwrapInboundIn(data).readableBytesView))
        flush()
        wake()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        wake()
        for (_, promise) in waiters { promise.fail(GRPCTestClient.ConnectionClosed()) }
        waiters = []
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func flush() {
        let bytes = client.drain()
        guard !bytes.isEmpty, let context else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func wait(until condition: @escaping (HTTP2Client) -> Bool, _ promise: EventLoopPromise<Void>) {
        if condition(client) { return promise.succeed() }
        if isClosed { return promise.fail(GRPCTestClient.ConnectionClosed()) }
        waiters.append((condition, promise))
    }

    private func wake() {
        waiters.removeAll { condition, promise in
            guard condition(client) else { return false }
            promise.succeed()
            return true
        }
    }
}
