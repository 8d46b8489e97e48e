import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec

/// One client's connection, as services see it. It may be kept and answered after it closed; answers then vanish.
/// All mutable state is touched on `eventLoop` only; the methods for any thread hop there through the mailbox.
package final class RemotingServerConnection: @unchecked Sendable {
    /// Unique among the connections of a process.
    package let id: UInt64
    /// The loop that reads and writes this connection.
    package let eventLoop: any EventLoop
    /// The client's `host:port`, the one behind a HAProxy when that told.
    package let remoteAddress: String
    /// The same as records of messages hold it.
    package let remoteHost: SocketHost
    /// Our own `host:port` that the client connected to.
    package let localAddress: String
    /// Whether the connection uses TLS.
    package let isTLS: Bool

    let loop: ServerLoop
    let logger: Logger
    let configuration: RemotingServerConfiguration
    var decoder: RemotingFrameDecoder
    var output = OutputBuffer()
    var calls: PendingCalls
    var context: ChannelHandlerContext?
    var phase = Phase.new
    /// The service knows of this connection.
    var isAnnounced = false
    var inFlight = 0
    var isDirty = false
    var isWritable = true
    var isReadWanted = false
    var isDelivering = false
    /// Bytes moved since the last sweep for idle connections.
    var wasActive = true
    var idleSweeps = 0

    /// Where a connection is in its life.
    enum Phase {
        /// No frame seen yet.
        case new
        /// Announced to the service.
        case open
        /// Closed once nothing is in flight.
        case draining
        /// Told to close.
        case closing
        /// Gone.
        case closed
    }

    init(
        id: UInt64, loop: ServerLoop, remoteAddress: String, localAddress: String, isTLS: Bool, logger: Logger
    ) {
        self.id = id
        self.loop = loop
        self.eventLoop = loop.eventLoop
        self.remoteAddress = remoteAddress
        remoteHost = SocketHost(hostAndPort: remoteAddress) ?? .unknown
        self.localAddress = localAddress
        self.isTLS = isTLS
        self.logger = logger
        self.configuration = loop.configuration
        self.decoder = RemotingFrameDecoder(frameBytesMax: loop.configuration.frameBytesMax)
        self.calls = PendingCalls(countMax: loop.configuration.outboundCallsMax)
    }

    /// Whether the client can get no answer any more. On the event loop only.
    package var isGone: Bool { phase == .closing || phase == .closed }

    // MARK: Answers, from any thread

    /// Answers a request with a typed header. One-way requests get nothing.
    package func respond(
        to request: RequestTicket, code: ResponseCode, remark: String? = nil, header: some RemotingHeader,
        body: ByteBuffer? = nil
    ) {
        guard !request.isOneway else { return }
        if eventLoop.inEventLoop {
            writeAnswer(to: request, code: code, remark: remark, header: header, body: body)
        } else {
            loop.mailbox.submit {
                self.writeAnswer(to: request, code: code, remark: remark, header: header, body: body)
            }
        }
    }

    /// Answers a request without header fields.
    package func respond(
        to request: RequestTicket, code: ResponseCode, remark: String? = nil, body: ByteBuffer? = nil
    ) {
        respond(to: request, code: code, remark: remark, header: EmptyHeader(), body: body)
    }

    /// Answers a request with a typed header. One-way requests get nothing.
    package func respond(
        to request: RemotingCommand, code: ResponseCode, remark: String? = nil, header: some RemotingHeader,
        body: ByteBuffer? = nil
    ) {
        respond(to: request.ticket, code: code, remark: remark, header: header, body: body)
    }

    /// Answers a request without header fields.
    package func respond(
        to request: RemotingCommand, code: ResponseCode, remark: String? = nil, body: ByteBuffer? = nil
    ) {
        respond(to: request.ticket, code: code, remark: remark, header: EmptyHeader(), body: body)
    }

    /// Answers a request with the code and words of an error.
    package func respond(to request: RemotingCommand, error: ServiceError) {
        respond(to: request.ticket, code: error.code, remark: error.message)
    }

    /// Gives a request up without an answer, where the protocol has none.
    package func dismiss(_ request: RequestTicket) {
        guard !request.isOneway else { return }
        if eventLoop.inEventLoop {
            finishRequest()
        } else {
            loop.mailbox.submit { self.finishRequest() }
        }
    }

    // MARK: Calls to the client, from any thread

    /// Sends a request to the client; the completion runs on the event loop.
    package func call(
        code: RequestCode, header: some RemotingHeader, body: ByteBuffer? = nil, timeoutMillis: Int64,
        completion: @escaping @Sendable (Result<RemotingCommand, RemotingError>) -> Void
    ) {
        if eventLoop.inEventLoop {
            writeCall(code: code, header: header, body: body, timeoutMillis: timeoutMillis, completion: completion)
        } else {
            loop.mailbox.submit {
                self.writeCall(
                    code: code, header: header, body: body, timeoutMillis: timeoutMillis, completion: completion)
            }
        }
    }

    /// Sends the client a request that has no answer.
    package func sendOneway(code: RequestCode, header: some RemotingHeader, body: ByteBuffer? = nil) {
        if eventLoop.inEventLoop {
            writeOneway(code: code, header: header, body: body)
        } else {
            loop.mailbox.submit { self.writeOneway(code: code, header: header, body: body) }
        }
    }

    /// Closes the connection after what is already written.
    package func close() {
        if eventLoop.inEventLoop {
            closeNow()
        } else {
            loop.mailbox.submit { self.closeNow() }
        }
    }
}
