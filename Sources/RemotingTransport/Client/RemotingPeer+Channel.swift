import Logging
import MessageModel
import NIOCore
import NIOPosix
import NIOSSL
import RemotingCodec

/// The side of a peer that faces its channel; everything here runs on the client's event loop.
extension RemotingPeer {
    /// Whether the client may forget this peer.
    var isUnused: Bool { phase == .disconnected && calls.count == 0 }

    // MARK: Connecting

    func connect() {
        phase = .connecting
        decoder = RemotingFrameDecoder(frameBytesMax: client.configuration.frameBytesMax)
        isWritable = true
        silentSince = nil
        let configuration = client.configuration
        let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
            low: configuration.outputBytesHigh / 4, high: configuration.outputBytesHigh)
        let bootstrap = ClientBootstrap(group: client.eventLoop)
            .connectTimeout(.milliseconds(configuration.connectTimeoutMillis))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: waterMark)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.initialize(channel) }
            }
        let future: EventLoopFuture<any Channel>
        if let address = try? SocketAddress(ipAddress: address.host, port: address.port) {
            future = bootstrap.connect(to: address)
        } else {
            future = bootstrap.connect(host: address.host, port: address.port)
        }
        future.whenFailure { self.connectFailed($0) }
    }

    private func initialize(_ channel: any Channel) throws {
        if let tls = client.configuration.tlsContext {
            let isName = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil
            let handler = try NIOSSLClientHandler(context: tls, serverHostname: isName ? address.host : nil)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        try channel.pipeline.syncOperations.addHandler(PeerChannelHandler(peer: self))
    }

    private func connectFailed(_ error: any Error) {
        guard phase == .connecting else { return }
        let wait = min(
            client.configuration.backOffMillisMax,
            client.configuration.backOffMillisFirst << Int64(min(failureCount, 16)))
        failureCount += 1
        retryAt = .now() + .milliseconds(wait)
        phase = .disconnected
        client.logger.info(
            "a peer cannot be reached",
            metadata: ["remote": "\(address)", "reason": "\(error)", "nextAttemptMillis": "\(wait)"])
        failAll(RemotingError(.connectFailed, "\(address) cannot be reached: \(error)"))
    }

    func connected(_ context: ChannelHandlerContext) {
        guard phase == .connecting else { return context.close(promise: nil) }
        self.context = context
        phase = .connected
        failureCount = 0
        flushPending()
    }

    // MARK: Reading

    func received(_ bytes: ByteBuffer) {
        silentSince = nil
        decoder.append(bytes)
        do throws(RemotingCodecError) {
            while phase == .connected, let command = try decoder.next() { deliver(command) }
        } catch {
            client.logger.warning(
                "closing a connection whose server sent a malformed frame",
                metadata: ["remote": "\(address)", "reason": "\(error)"])
            disconnect(RemotingError(.malformedResponse, "\(address) sent a malformed frame: \(error)"))
        }
    }

    private func deliver(_ command: RemotingCommand) {
        guard !command.isResponse else {
            // An answer to nobody came after its call had timed out.
            calls.remove(opaque: command.opaque)?(.success(command))
            return
        }
        if let onServerRequest = client.onServerRequest {
            onServerRequest(command, self)
        } else {
            respond(
                to: command.ticket, code: .requestCodeNotSupported,
                remark: " request type \(command.code) not supported", header: EmptyHeader())
        }
    }

    // MARK: Ends

    /// Fails the calls that are due. When calls keep timing out and the peer is silent, the connection is given up,
    /// so that the next call tries a fresh one. Returns the next deadline.
    func expireCalls(now: NIODeadline) -> NIODeadline {
        let due = calls.removeDue(now: now)
        guard !due.isEmpty else { return calls.earliest }
        let failure = RemotingError(.timeout, "no answer from \(address) in time")
        for completion in due { completion(.failure(failure)) }
        let since = silentSince ?? now
        silentSince = since
        if phase == .connected, now - since >= .milliseconds(client.configuration.silenceMillisMax) {
            disconnect(RemotingError(.connectionClosed, "\(address) is silent, the connection was given up"))
        }
        return calls.earliest
    }

    /// Closes the connection for a reason of ours.
    func disconnect(_ failure: RemotingError) {
        let closing = context
        lost(failure)
        closing?.close(promise: nil)
    }

    /// The connection is gone: everything that waits for it fails at once.
    func lost(_ failure: RemotingError) {
        guard phase == .connected || phase == .connecting else { return }
        phase = .disconnected
        context = nil
        failAll(failure)
    }

    /// The client shuts down.
    func shutDown() {
        let closing = context
        flushPending()
        phase = .closed
        context = nil
        failAll(RemotingError(.shutdown, "the client was shut down"))
        closing?.close(promise: nil)
    }

    private func failAll(_ failure: RemotingError) {
        output.removeAll()
        for completion in calls.removeAll() { completion(.failure(failure)) }
    }
}

/// Ties a peer to the channel of its current connection.
final class PeerChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let peer: RemotingPeer

    init(peer: RemotingPeer) {
        self.peer = peer
    }

    /// Whether the peer still uses this channel.
    private func isCurrent(_ context: ChannelHandlerContext) -> Bool { peer.context === context }

    func channelActive(context: ChannelHandlerContext) {
        peer.connected(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isCurrent(context) { peer.received(unwrapInboundIn(data)) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isCurrent(context) { peer.isWritable = context.channel.isWritable }
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard isCurrent(context) else { return }
        peer.lost(RemotingError(.connectionClosed, "\(peer.address) closed the connection"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isCurrent(context) {
            peer.lost(RemotingError(.connectionClosed, "the connection to \(peer.address) failed: \(error)"))
        }
        context.close(promise: nil)
    }
}
