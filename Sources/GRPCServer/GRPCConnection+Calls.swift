import HTTP2Session
import NIOCore

// Requests become calls here, and bodies messages. Everything runs inside `HTTP2Session.receive` unless said otherwise.

extension GRPCConnection: HTTP2SessionDelegate {
    func requestStarted(_ stream: HTTP2Stream) {
        if let refusal = RequestHeaders.refusal(of: stream) { return refuse(stream, refusal) }
        guard let index = loop.methods.index(of: stream.path) else {
            let path = String(decoding: stream.path.prefix(256), as: UTF8.self)
            return refuse(stream, RequestHeaders.Refusal(status: .unimplemented, message: "unknown method \(path)"))
        }
        var isGzip = false
        switch RequestHeaders.encoding(of: stream) {
        case .identity: break
        case .gzip: isGzip = true
        case .unknown(let name):
            return refuse(
                stream,
                RequestHeaders.Refusal(
                    status: .unimplemented, message: "grpc-encoding \(name) is not supported",
                    extra: [(name: "grpc-accept-encoding", value: "identity,gzip")]))
        }
        var deadlineMillis: Int64?
        switch RequestHeaders.timeout(of: stream) {
        case .none: break
        case .millis(let millis): deadlineMillis = loop.nowMillis + millis
        case .malformed:
            return refuse(stream, RequestHeaders.Refusal(status: .internal, message: "malformed grpc-timeout"))
        }
        if let session, session.queuedBytes > loop.configuration.outputQueueBytesMax {
            return refuse(
                stream,
                RequestHeaders.Refusal(
                    status: .resourceExhausted, message: "the output queue of this connection is full"))
        }
        let call = GRPCCall(
            method: loop.methods.methods[index].kind, methodIndex: index, connection: self, stream: stream,
            deadlineMillis: deadlineMillis, isGzip: isGzip)
        stream.owner = call
        if let deadlineMillis { loop.setTimer(of: call, at: deadlineMillis) }
    }

    private func refuse(_ stream: HTTP2Stream, _ refusal: RequestHeaders.Refusal) {
        session?.respondOnly(
            on: stream,
            headers: GRPCHeaders.trailersOnly(
                refusal.status, refusal.message, httpStatus: refusal.httpStatus, extra: refusal.extra))
    }

    func dataReceived(_ bytes: UnsafeRawBufferPointer, isLastFrame: Bool, on stream: HTTP2Stream) {
        guard let call = openCall(of: stream) else { return }
        var rest = bytes
        while !call.isClosed {
            switch call.deframer.next(from: &rest) {
            case .needsMore: return accountAssembly(call)
            case .failure(let status, let message): return fail(call, status, message)
            case .message(let message, let isCompressed):
                if call.kind == .bidi {
                    deliver(message, isCompressed: isCompressed, to: call)
                } else if call.hasMessage {
                    return fail(call, .internal, "more than one message in a call that takes one")
                } else {
                    call.hasMessage = true
                    if isLastFrame && rest.isEmpty {
                        deliver(message, isCompressed: isCompressed, to: call)
                    } else {
                        call.deframer.hold(message, isCompressed: isCompressed)
                    }
                }
            }
        }
    }

    func requestEnded(_ stream: HTTP2Stream) {
        guard let call = openCall(of: stream) else { return }
        if call.deframer.isInsideMessage { return fail(call, .internal, "the request ends inside a message") }
        if call.kind != .bidi {
            guard call.hasMessage else { return fail(call, .internal, "the request ends without a message") }
            if let held = call.deframer.releaseHeld() {
                deliver(held.message, isCompressed: held.isCompressed, to: call)
            }
        }
        guard !call.isClosed else { return }
        call.isSurfaced = true
        loop.service.halfClosed(call)
    }

    func streamClosed(_ stream: HTTP2Stream, errorCode: UInt32) {
        if let owner = stream.owner {
            let call = unsafeDowncast(owner, to: GRPCCall.self)
            if !call.isClosed { cancelled(call) }
            loop.clearTimer(of: call)
            call.deframer.clear()
            accountAssembly(call)
            call.stream = nil
        }
        if session?.openStreamCount == 0 { becameIdle() }
    }

    private func openCall(of stream: HTTP2Stream) -> GRPCCall? {
        guard let owner = stream.owner else { return nil }
        // Only `requestStarted` sets an owner, and it sets calls.
        let call = unsafeDowncast(owner, to: GRPCCall.self)
        return call.isClosed ? nil : call
    }

    private func deliver(_ message: UnsafeRawBufferPointer, isCompressed: Bool, to call: GRPCCall) {
        call.isSurfaced = true
        guard isCompressed else { return loop.service.receive(message, on: call) }
        guard call.isGzip else { return fail(call, .internal, "compressed message without grpc-encoding") }
        let limit = loop.configuration.messageBytesMax
        defer { loop.inflater.release() }
        do throws(Inflater.Failure) {
            loop.service.receive(try loop.inflater.inflate(message, bytesMax: limit), on: call)
        } catch {
            switch error {
            case .tooLarge: fail(call, .resourceExhausted, "message exceeds \(limit) bytes when decompressed")
            case .corrupt: fail(call, .internal, "message is not valid gzip")
            }
        }
    }

    /// Keeps the loop's count of half-received bytes and its bound.
    private func accountAssembly(_ call: GRPCCall) {
        let bytes = call.deframer.memoryBytes
        guard bytes != call.assemblyBytes else { return }
        loop.assemblyBytes += bytes - call.assemblyBytes
        call.assemblyBytes = bytes
        if !call.isClosed && loop.assemblyBytes > loop.configuration.assemblyBytesMaxPerLoop {
            fail(call, .resourceExhausted, "too many half-received messages on this server")
        }
    }

    // MARK: Ends

    /// Ends a call because of what the client sent.
    private func fail(_ call: GRPCCall, _ status: GRPCStatus, _ message: String) {
        call.finish(status, message: message)
        if call.isSurfaced { loop.service.cancelled(call) }
    }

    /// The client will get no answer; the service is told if it knows the call.
    private func cancelled(_ call: GRPCCall) {
        call.isClosed = true
        if call.isSurfaced { loop.service.cancelled(call) }
    }

    /// Ends a call on the server's own account. Called from outside `receive` too.
    func cancel(_ call: GRPCCall, _ status: GRPCStatus, _ message: String) {
        guard let stream = call.stream else { return }
        let isOpen = !call.isClosed
        if stream.queuedBytes > 0 {
            // The rest of the answer would only wait for a client that does not read.
            call.isClosed = true
            session?.reset(stream, errorCode: HTTP2ErrorCode.cancel)
            markDirty()
        } else {
            call.finish(status, message: message)
        }
        if isOpen && call.isSurfaced { loop.service.cancelled(call) }
    }

    /// The call's deadline has come; an answer already given may still wait for the client's window.
    func deadlineReached(_ call: GRPCCall) {
        cancel(call, .deadlineExceeded, "deadline exceeded")
    }

    /// Ends the streams both ways on which nothing came yet: the service does not know them, and they could stay forever.
    func endUnusedCalls() {
        session?.forEachOpenStream { stream in
            guard let call = openCall(of: stream), call.kind == .bidi, !call.isSurfaced else { return }
            cancel(call, .unavailable, "the server is shutting down")
        }
    }

    /// Ends every open call.
    func endCalls(_ status: GRPCStatus, _ message: String) {
        session?.forEachOpenStream { stream in
            guard let call = openCall(of: stream) else { return }
            cancel(call, status, message)
        }
    }
}
