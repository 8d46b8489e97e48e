import Logging
import MessageModel
import NIOCore
import RemotingCodec

/// The side of a connection that faces its channel; everything here runs on the event loop.
extension RemotingServerConnection: Flushable {
    // MARK: Reading

    /// Takes bytes from the socket.
    func received(_ bytes: ByteBuffer) {
        guard isAlive else { return }
        wasActive = true
        decoder.append(bytes)
        if phase == .new && answeredHTTP() { return }
        deliver()
    }

    /// Hands decoded requests on, as long as the client reads our answers.
    func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        do throws(RemotingCodecError) {
            while isAlive, isWritable, let command = try decoder.next() {
                if phase == .new {
                    phase = .open
                    isAnnounced = true
                    loop.service.connectionOpened(self)
                }
                if command.isResponse {
                    calls.remove(opaque: command.opaque)?(.success(command))
                } else {
                    dispatch(command)
                }
            }
        } catch {
            logger.warning(
                "closing a connection that sent a malformed frame",
                metadata: ["remote": "\(remoteAddress)", "reason": "\(error)"])
            closeNow()
        }
    }

    private func dispatch(_ request: RemotingCommand) {
        if !request.isOneway {
            guard inFlight < configuration.inFlightMax else {
                inFlight += 1
                respond(
                    to: request, code: .systemBusy,
                    remark: "[OVERLOAD]system busy, start flow control for a while: "
                        + "\(configuration.inFlightMax) requests of this connection wait for their answers")
                return
            }
            inFlight += 1
        }
        loop.service.handle(request, from: self)
    }

    /// Answers a client that speaks HTTP with a sentence it can show. No frame starts with letters: its length would
    /// be far over the limit.
    private func answeredHTTP() -> Bool {
        guard HTTPProbe.isHTTP(decoder.pendingBytes) else { return false }
        logger.info("answered an HTTP client on a remoting port", metadata: ["remote": "\(remoteAddress)"])
        if let context {
            let answer = HTTPProbe.answer(hint: configuration.httpHint)
            context.writeAndFlush(NIOAny(answer), promise: nil)
        }
        closeNow()
        return true
    }

    // MARK: Writing

    func writeAnswer(
        to request: RequestTicket, code: ResponseCode, remark: String?, header: some RemotingHeader, body: ByteBuffer?
    ) {
        guard isAlive else { return }
        let head = RemotingFrameHead.response(to: request, code: code, remark: remark)
        do throws(RemotingCodecError) {
            try output.append(head, header: header, body: body, pool: loop.flushPass.pool)
        } catch {
            logger.error(
                "an answer does not fit into a frame",
                metadata: ["remote": "\(remoteAddress)", "code": "\(request.code)", "reason": "\(error)"])
            let failure = RemotingFrameHead.response(to: request, code: .systemError, remark: error.message)
            try? output.append(failure, header: EmptyHeader(), body: nil, pool: loop.flushPass.pool)
        }
        finishRequest()
        outputGrew()
    }

    func finishRequest() {
        inFlight = max(0, inFlight - 1)
        if phase == .draining && inFlight == 0 { closeNow() }
    }

    func writeCall(
        code: RequestCode, header: some RemotingHeader, body: ByteBuffer?, timeoutMillis: Int64,
        completion: @escaping PendingCalls.Completion
    ) {
        guard isAlive else {
            return completion(.failure(RemotingError(.connectionClosed, "\(remoteAddress) is not connected any more")))
        }
        let deadline = NIODeadline.now() + .milliseconds(max(0, timeoutMillis))
        guard let opaque = calls.insert(deadline: deadline, completion: completion) else {
            return completion(.failure(RemotingError(.overloaded, "too many calls wait for \(remoteAddress)")))
        }
        do throws(RemotingCodecError) {
            try output.append(
                .request(code, opaque: opaque), header: header, body: body, pool: loop.flushPass.pool)
        } catch {
            calls.remove(opaque: opaque)?(.failure(RemotingError(.unencodable, error.message)))
            return
        }
        loop.timer.arm(deadline)
        outputGrew()
    }

    func writeOneway(code: RequestCode, header: some RemotingHeader, body: ByteBuffer?) {
        guard isAlive else { return }
        do throws(RemotingCodecError) {
            try output.append(
                .request(code, opaque: calls.onewayOpaque(), isOneway: true), header: header, body: body,
                pool: loop.flushPass.pool)
        } catch {
            logger.error(
                "a request does not fit into a frame",
                metadata: ["remote": "\(remoteAddress)", "code": "\(code.rawValue)", "reason": "\(error)"])
        }
        outputGrew()
    }

    private func outputGrew() {
        wasActive = true
        if output.byteCount > configuration.outputBytesLow {
            flushPending()
            closeIfPeerDoesNotRead()
        } else if !isDirty {
            isDirty = true
            loop.flushPass.markDirty(self)
        }
    }

    func flushPending() {
        isDirty = false
        guard let context, output.byteCount > 0 else { return }
        context.writeAndFlush(output.takeAll(), pool: loop.flushPass.pool)
    }

    private func closeIfPeerDoesNotRead() {
        guard !isWritable, let context,
            let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes),
            waiting > configuration.outputBytesMax
        else { return }
        logger.warning(
            "closing a connection whose client does not read",
            metadata: ["remote": "\(remoteAddress)", "unsentBytes": "\(waiting)"])
        phase = .closing
        context.close(promise: nil)
    }

    // MARK: Life

    private var isAlive: Bool { phase != .closing && phase != .closed }

    func writabilityChanged(_ context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        guard isWritable else { return }
        deliver()
        if isReadWanted && isWritable {
            isReadWanted = false
            context.read()
        }
    }

    func readRequested(_ context: ChannelHandlerContext) {
        if isWritable {
            context.read()
        } else {
            isReadWanted = true
        }
    }

    /// Lets requests in flight be answered, then closes.
    func drain() {
        if phase == .open { phase = .draining }
        if inFlight == 0 { closeNow() }
    }

    func closeNow() {
        guard isAlive else { return }
        flushPending()
        // A broken socket shows at the flush, and ends everything there.
        guard isAlive else { return }
        phase = .closing
        context?.close(promise: nil)
    }

    /// The channel is gone: calls fail at once, the service is told.
    func closed() {
        guard phase != .closed else { return }
        phase = .closed
        context = nil
        output.removeAll()
        let failure = RemotingError(.connectionClosed, "\(remoteAddress) closed the connection")
        for completion in calls.removeAll() { completion(.failure(failure)) }
        loop.remove(self)
        if isAnnounced { loop.service.connectionClosed(self) }
    }
}

/// Ties a connection to its channel.
final class ServerChannelHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: RemotingServerConnection

    init(connection: RemotingServerConnection) {
        self.connection = connection
    }

    func handlerAdded(context: ChannelHandlerContext) {
        connection.context = context
        connection.isWritable = context.channel.isWritable
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connection.closed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(unwrapInboundIn(data))
    }

    func read(context: ChannelHandlerContext) {
        connection.readRequested(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        connection.writabilityChanged(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.closed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.logger.debug(
            "connection failed", metadata: ["remote": "\(connection.remoteAddress)", "reason": "\(error)"])
        context.close(promise: nil)
    }
}
