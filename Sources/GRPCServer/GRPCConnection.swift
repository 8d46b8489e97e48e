import HTTP2Session
import Logging
import NIOCore
import NIOSSL

/// One client connection: finds out what the client speaks, then moves bytes between the channel and an `HTTP2Session`.
///
/// Phases: *sniffing* (the first bytes, twice when TLS is around them), *serving* (HTTP/2), *lingering* (the last words are
/// written; what still comes is discarded for a moment, so that the peer can read them), *closed*. Calls are handled in
/// `GRPCConnection+Calls.swift`.
// @unchecked: all state is touched on the loop's event loop only.
final class GRPCConnection: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case sniffing(ByteBuffer)
        case serving
        case lingering
        case closed
    }

    /// How long and how much is discarded after the last words.
    private static let lingerMillis: Int64 = 1_000
    private static let lingerBytesMax = 4 << 20
    /// Between the announcement of a shutdown and the refusal of new streams: a generous round trip.
    private static let drainNoticeMillis: Int64 = 250

    let id: UInt64
    let loop: GRPCLoop
    var timer: TimerWheel<GRPCConnection>.Token?
    private(set) var session: HTTP2Session?
    private(set) var isTLS = false
    private(set) var remoteAddress = ""
    private(set) var localAddress = ""

    private var context: ChannelHandlerContext?
    private var phase = Phase.sniffing(ByteBuffer())
    private var isProxyHeaderSeen = false
    private var isDirty = false
    private var isReadPaused = false
    private var openedMillis: Int64 = 0
    private var lastReadMillis: Int64 = 0
    private var idleSinceMillis: Int64 = 0
    private var stalledSinceMillis: Int64?
    private var pingSentMillis: Int64?
    private var lingerEndMillis: Int64 = 0
    private var lingeredBytes = 0
    private var drainNoticeMillis: Int64?
    /// When the connection is asked to go for its age, and when it has to be gone.
    private var retireMillis = Int64.max
    private var retireEndMillis: Int64?

    init(id: UInt64, loop: GRPCLoop) {
        self.id = id
        self.loop = loop
    }

    private var logMetadata: Logger.Metadata { ["connection": "\(id)", "peer": "\(remoteAddress)"] }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        remoteAddress = addressText(context.remoteAddress)
        localAddress = addressText(context.localAddress)
        openedMillis = loop.readClock()
        lastReadMillis = openedMillis
        loop.connectionOpened(self)
        loop.setTimer(of: self, at: openedMillis + loop.configuration.handshakeMillisMax)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.logger.debug("connection failed", metadata: logMetadata.with("error", "\(error)"))
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        lastReadMillis = loop.readClock()
        switch phase {
        case .serving: receive(buffer)
        case .sniffing(var seen):
            phase = .sniffing(ByteBuffer())
            if seen.readableBytes == 0 { seen = buffer } else { seen.writeBuffer(&buffer) }
            sniff(seen)
        case .lingering:
            lingeredBytes += buffer.readableBytes
            if lingeredBytes > GRPCConnection.lingerBytesMax { context.close(promise: nil) }
        case .closed: break
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stalledSinceMillis = nil
            pauseReading(false)
            markDirty()
        } else {
            // A peer that does not read our answers is not read from either.
            stalledSinceMillis = loop.readClock()
            pauseReading(true)
            loop.setTimer(of: self, at: loop.nowMillis + loop.configuration.writeStallMillisMax)
        }
        context.fireChannelWritabilityChanged()
    }

    private func pauseReading(_ isPaused: Bool) {
        guard isPaused != isReadPaused, let channel = context?.channel else { return }
        isReadPaused = isPaused
        do {
            try channel.syncOptions?.setOption(.autoRead, value: !isPaused)
        } catch {
            channel.close(promise: nil)
        }
    }

    private func ended() {
        guard context != nil else { return }
        context = nil
        phase = .closed
        loop.clearTimer(of: self)
        session?.close()
        session = nil
        loop.connectionClosed(self)
    }

    // MARK: First bytes

    private func sniff(_ bytes: ByteBuffer) {
        guard let context else { return }
        var bytes = bytes
        switch bytes.withUnsafeReadableBytes({ ConnectionSniffer.decide($0) }) {
        case .needsMore:
            guard bytes.readableBytes <= ConnectionSniffer.bytesMax else { return refuse("too many bytes undecided") }
            phase = .sniffing(bytes)
        case .tls: startTLS(bytes, context)
        case .proxyHeader(let count, let source):
            guard loop.configuration.isProxyProtocolAllowed, !isProxyHeaderSeen, !isTLS else {
                return refuse("unexpected PROXY header")
            }
            isProxyHeaderSeen = true
            if let source { remoteAddress = source }
            bytes.moveReaderIndex(forwardBy: count)
            sniff(bytes.slice())
        case .http2: startServing(bytes)
        case .http1: answerAndLinger(WrongProtocolAnswer.http1(loop.configuration.wrongProtocolHint))
        case .remoting(let opaque):
            if let adopt = loop.configuration.adoptRemoting { return handOver(bytes, context, adopt) }
            answerAndLinger(WrongProtocolAnswer.remoting(loop.configuration.wrongProtocolHint, opaque: opaque))
        case .unknown: refuse("unknown protocol")
        }
    }

    /// Leaves the connection to a server of another protocol.
    private func handOver(
        _ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ adopt: (any Channel, ByteBuffer, String) -> Void
    ) {
        let channel = context.channel
        let address = remoteAddress
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
        adopt(channel, bytes, address)
    }

    /// Begins with bytes that another server read, when what is around them was taken off there.
    func adopt(_ bytes: ByteBuffer, remoteAddress: String, isTLS: Bool) {
        self.remoteAddress = remoteAddress
        self.isTLS = isTLS
        isProxyHeaderSeen = true
        sniff(bytes)
    }

    private func startTLS(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !isTLS else { return refuse("TLS inside TLS") }
        guard let tls = loop.configuration.tlsContext?() else {
            return answerAndLinger(WrongProtocolAnswer.tlsAlert())
        }
        isTLS = true
        do {
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: tls), position: .before(self))
            // The handshake's first bytes pass through the new handler; ours are what comes out of it.
            pipeline.fireChannelRead(NIOAny(bytes))
            pipeline.fireChannelReadComplete()
        } catch {
            refuse("TLS not started: \(error)")
        }
    }

    private func startServing(_ bytes: ByteBuffer) {
        guard isTLS || loop.configuration.isPlaintextAllowed else { return refuse("plaintext is not allowed") }
        do {
            let session = try HTTP2Session(
                configuration: loop.configuration.http2, delegate: self, pool: loop.streamPool,
                nowMillis: loop.nowMillis)
            self.session = session
            phase = .serving
            idleSinceMillis = loop.nowMillis
            retireMillis = retirement
            receive(bytes)
            if loop.isDraining { beginDrain() } else { loop.setTimer(of: self, at: nextCheckMillis) }
        } catch {
            refuse("no HTTP/2 session: \(error)")
        }
    }

    private func refuse(_ reason: String) {
        loop.logger.debug("connection refused", metadata: logMetadata.with("reason", reason))
        context?.close(promise: nil)
    }

    // MARK: Bytes

    private func receive(_ buffer: ByteBuffer) {
        guard let session else { return }
        let now = loop.nowMillis
        buffer.withUnsafeReadableBytes { session.receive($0, nowMillis: now) }
        if pingSentMillis != nil { pingSentMillis = nil }
        markDirty()
    }

    /// Has what is ready written at the end of this tick.
    func markDirty() {
        guard !isDirty, context != nil else { return }
        isDirty = true
        loop.enqueueFlush(self)
    }

    /// Writes what the session has, as long as the socket takes it.
    func flush() {
        isDirty = false
        guard let session, let context else { return }
        var isWritten = false
        while context.channel.isWritable {
            loop.scratch.clear()
            let hasMore = session.drain(into: &loop.scratch, bytesMax: GRPCLoop.writeBytesMax)
            guard loop.scratch.readableBytes > 0 else { break }
            context.write(wrapOutboundOut(loop.scratch), promise: nil)
            isWritten = true
            guard hasMore else { break }
        }
        if isWritten { context.flush() }
        if session.isFinished, self.context != nil { finishServing(session) }
    }

    private func finishServing(_ session: HTTP2Session) {
        if let failure = session.failure {
            loop.logger.debug("connection ended", metadata: logMetadata.with("reason", "\(failure)"))
        }
        self.session = nil
        session.close()
        linger()
    }

    private func answerAndLinger(_ answer: ByteBuffer) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        linger()
    }

    /// Closes our side and gives the peer a moment to read: closing with unread input would reset the connection and might
    /// destroy the last words on their way.
    private func linger() {
        guard let context else { return }
        phase = .lingering
        lingerEndMillis = loop.nowMillis + GRPCConnection.lingerMillis
        loop.setTimer(of: self, at: lingerEndMillis)
        pauseReading(false)
        if isTLS {
            context.close(promise: nil)
        } else {
            context.close(mode: .output, promise: nil)
        }
    }

    // MARK: Time

    func timerFired(nowMillis: Int64) {
        guard let context else { return }
        switch phase {
        case .sniffing: refuse("no HTTP/2 within the time allowed")
        case .lingering: context.close(promise: nil)
        case .serving:
            checkServing(nowMillis: nowMillis)
            if case .serving = phase { loop.setTimer(of: self, at: max(nextCheckMillis, nowMillis + 1)) }
        case .closed: break
        }
    }

    private func checkServing(nowMillis: Int64) {
        guard let session, let context else { return }
        let limits = loop.configuration
        if let stalled = stalledSinceMillis, nowMillis - stalled >= limits.writeStallMillisMax {
            return refuse("the peer does not read")
        }
        if let notice = drainNoticeMillis, nowMillis >= notice {
            drainNoticeMillis = nil
            session.refuseNewStreams()
            endUnusedCalls()
            return closeIfDrained()
        }
        if nowMillis >= retireMillis {
            retireMillis = .max
            retireEndMillis = nowMillis + limits.connectionAgeGraceMillis
            beginDrain()
        } else if let end = retireEndMillis, nowMillis >= end {
            return endNow()
        }
        if session.openStreamCount == 0 {
            if nowMillis - idleSinceMillis >= limits.idleMillisMax {
                session.terminate(errorCode: HTTP2ErrorCode.noError)
                markDirty()
            }
        } else if let sent = pingSentMillis {
            if nowMillis - sent >= limits.keepaliveTimeoutMillis { context.close(promise: nil) }
        } else if nowMillis - lastReadMillis >= limits.keepaliveMillis {
            pingSentMillis = nowMillis
            session.ping()
            markDirty()
        }
    }

    private var nextCheckMillis: Int64 {
        let limits = loop.configuration
        let now = loop.nowMillis
        var next: Int64
        if session?.openStreamCount == 0 {
            // A call may begin right after this check; its keepalive time then counts from there.
            next = min(idleSinceMillis + limits.idleMillisMax, now + limits.keepaliveMillis)
        } else if let sent = pingSentMillis {
            next = sent + limits.keepaliveTimeoutMillis
        } else {
            next = min(lastReadMillis + limits.keepaliveMillis, now + limits.idleMillisMax)
        }
        if let notice = drainNoticeMillis { next = min(next, notice) }
        next = min(next, retireMillis, retireEndMillis ?? .max)
        if let stalled = stalledSinceMillis { next = min(next, stalled + limits.writeStallMillisMax) }
        return next
    }

    /// The last stream has closed.
    func becameIdle() {
        idleSinceMillis = loop.nowMillis
        if loop.isDraining || retireEndMillis != nil { closeIfDrained() }
    }

    /// A connection's own bound of age: its number, scattered, decides where in the tenth it lies.
    private var retirement: Int64 {
        let limit = loop.configuration.connectionAgeMillisMax
        guard limit > 0 else { return .max }
        let scattered = Int64((id &* 0x9E37_79B9_7F4A_7C15) >> 54)  // 0...1023
        return loop.nowMillis + limit - limit / 10 + limit / 5 * scattered / 1_024
    }

    // MARK: Drain

    /// Asks the client to go elsewhere; calls in flight go on.
    func beginDrain() {
        switch phase {
        case .sniffing: context?.close(promise: nil)
        case .serving:
            session?.announceShutdown()
            drainNoticeMillis = loop.nowMillis + GRPCConnection.drainNoticeMillis
            loop.setTimer(of: self, at: loop.nowMillis + GRPCConnection.drainNoticeMillis)
            markDirty()
        case .lingering, .closed: break
        }
    }

    private func closeIfDrained() {
        guard drainNoticeMillis == nil, let session else { return }
        if session.openStreamCount == 0 { session.terminate(errorCode: HTTP2ErrorCode.noError) }
        markDirty()
    }

    /// Ends what is left of a drain.
    func endNow() {
        endCalls(.unavailable, "the server is shutting down")
        flush()
        context?.close(promise: nil)
    }
}

extension Logger.Metadata {
    /// The same metadata with one more entry.
    func with(_ key: String, _ value: String) -> Logger.Metadata {
        var copy = self
        copy[key] = "\(value)"
        return copy
    }
}

/// `host:port`, with IPv6 hosts in brackets.
private func addressText(_ address: SocketAddress?) -> String {
    guard let address, let host = address.ipAddress, let port = address.port else { return "" }
    return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
}
