import Logging
import NIOCore
import NIOSSL

/// Looks at the first bytes of a connection: PROXY headers are taken off, TLS gets its handler, and then the
/// connection itself takes over. Bytes wait here only until the protocol is plain.
final class ProtocolDetector: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let tlsHandshake: UInt8 = 0x16
    /// A fatal TLS alert, handshake failure, for clients that want TLS where there is none.
    private static let tlsRefusal: [UInt8] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28]

    private let loop: ServerLoop
    private let connectionID: UInt64
    private var received = ByteBuffer()
    private var proxied = ProxyProtocolHeader()
    private var isProxyHeaderDone = false
    private var isTLS = false
    private static let http2: [UInt8] = Array("PRI * HTTP/2.0".utf8)
    private var deadline: Scheduled<Void>?

    init(loop: ServerLoop, connectionID: UInt64) {
        self.loop = loop
        self.connectionID = connectionID
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: .milliseconds(loop.configuration.idleMillisMax)) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    /// Begins with bytes that another server read and took a PROXY header off.
    func adopt(_ bytes: ByteBuffer, remoteAddress: String, _ context: ChannelHandlerContext) {
        isProxyHeaderDone = true
        if !remoteAddress.isEmpty { proxied.source = remoteAddress }
        channelRead(context: context, data: NIOAny(bytes))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        if !isProxyHeaderDone {
            switch ProxyProtocolHeader.parse(received.readableBytesView) {
            case .incomplete:
                return
            case .malformed:
                return refuse(context, "malformed PROXY header")
            case .present(let header, let byteCount):
                proxied = header
                received.moveReaderIndex(forwardBy: byteCount)
            case .absent:
                break
            }
            isProxyHeaderDone = true
        }
        guard let first = received.getInteger(at: received.readerIndex, as: UInt8.self) else { return }
        do {
            try decide(context, first)
        } catch {
            refuse(context, "\(error)")
        }
    }

    private func decide(_ context: ChannelHandlerContext, _ first: UInt8) throws {
        if first == Self.tlsHandshake, !isTLS {
            let mode = loop.configuration.tlsMode
            guard mode != .disabled, let tls = loop.configuration.tlsContext?() else {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: Self.tlsRefusal)), promise: nil)
                return refuse(context, "TLS is not configured")
            }
            isTLS = true
            let bytes = received
            received = ByteBuffer()
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: tls), position: .before(self))
            // The handshake's first bytes pass through the new handler; ours are what comes out of it.
            pipeline.fireChannelRead(NIOAny(bytes))
            return pipeline.fireChannelReadComplete()
        }
        guard isTLS || loop.configuration.tlsMode != .enforcing else { return refuse(context, "TLS is required") }
        if let adopt = loop.configuration.adoptHTTP2,
            received.readableBytesView.starts(with: Self.http2.prefix(received.readableBytes))
        {
            guard received.readableBytes >= Self.http2.count else { return }
            let channel = context.channel
            let address = proxied.source ?? AddressText.text(of: channel.remoteAddress)
            let bytes = received
            received = ByteBuffer()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            return adopt(channel, bytes, address, isTLS)
        }
        let connection = RemotingServerConnection(
            id: connectionID, loop: loop,
            remoteAddress: proxied.source ?? AddressText.text(of: context.channel.remoteAddress),
            localAddress: proxied.destination ?? AddressText.text(of: context.channel.localAddress), isTLS: isTLS,
            logger: loop.logger)
        // The handler first: a loop that drains closes the connection at once, which takes its channel.
        try context.pipeline.syncOperations.addHandler(ServerChannelHandler(connection: connection))
        loop.add(connection)
        let bytes = received
        received = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, _ reason: String) {
        loop.logger.info(
            "refused a connection",
            metadata: ["remote": "\(AddressText.text(of: context.channel.remoteAddress))", "reason": "\(reason)"])
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
