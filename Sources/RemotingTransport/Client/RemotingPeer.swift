import Logging
import MessageModel
import NIOCore
import RemotingCodec

/// One address that a client calls, and its connection when there is one. Bound to the client's event loop.
/// All mutable state is touched on the client's event loop only.
package final class RemotingPeer: @unchecked Sendable {
    /// The peer's address.
    package let address: HostPort
    /// Whatever the user of the client wants to remember about the peer.
    package var userState: AnyObject?

    /// Where the connection to the peer is in its life.
    enum Phase {
        /// No connection, and none under way.
        case disconnected
        /// Under way; calls are queued.
        case connecting
        /// In use.
        case connected
        /// The client was shut down.
        case closed
    }

    let client: RemotingClient
    var phase = Phase.disconnected
    var context: ChannelHandlerContext?
    var output = OutputBuffer()
    var calls: PendingCalls
    var decoder: RemotingFrameDecoder
    var isDirty = false
    var isWritable = true
    var failureCount = 0
    var retryAt = NIODeadline.uptimeNanoseconds(0)
    /// When a call timed out for the first time since bytes were received.
    var silentSince: NIODeadline?

    init(address: HostPort, client: RemotingClient) {
        self.address = address
        self.client = client
        calls = PendingCalls(countMax: client.configuration.inFlightMax)
        decoder = RemotingFrameDecoder(frameBytesMax: client.configuration.frameBytesMax)
    }

    /// Calls without an answer yet.
    package var inFlightCount: Int { calls.count }

    /// Sends a request with a typed header.
    package func call(
        code: RequestCode, header: some RemotingHeader, body: ByteBuffer? = nil, timeoutMillis: Int64,
        completion: @escaping RemotingClient.Completion
    ) {
        register(timeoutMillis, completion) { opaque throws(RemotingCodecError) in
            try output.append(
                head(code, opaque: opaque), header: header, body: body, pool: client.flushPass.pool)
        }
    }

    /// Sends a request whose header fields and body are written in place, straight into the connection's output.
    package func call(
        code: RequestCode, timeoutMillis: Int64, fields: (inout HeaderFieldWriter) -> Void,
        body: (inout ByteBuffer) -> Void, completion: @escaping RemotingClient.Completion
    ) {
        register(timeoutMillis, completion) { opaque throws(RemotingCodecError) in
            try output.append(
                head(code, opaque: opaque), pool: client.flushPass.pool, fields: fields, body: body)
        }
    }

    /// Sends a request that has no answer. Returns why it was not even queued, if so.
    @discardableResult
    package func sendOneway(
        code: RequestCode, header: some RemotingHeader, body: ByteBuffer? = nil
    ) -> RemotingError? {
        if let failure = prepare() { return failure }
        do throws(RemotingCodecError) {
            try output.append(
                head(code, opaque: calls.onewayOpaque(), isOneway: true), header: header, body: body,
                pool: client.flushPass.pool)
        } catch {
            return RemotingError(.unencodable, error.message)
        }
        outputGrew()
        return nil
    }

    /// Answers a request that the server sent us.
    package func respond(
        to request: RequestTicket, code: ResponseCode, remark: String? = nil, header: some RemotingHeader,
        body: ByteBuffer? = nil
    ) {
        guard phase == .connected, !request.isOneway else { return }
        let head = RemotingFrameHead.response(to: request, code: code, remark: remark)
        do throws(RemotingCodecError) {
            try output.append(head, header: header, body: body, pool: client.flushPass.pool)
        } catch {
            client.logger.error(
                "an answer does not fit into a frame",
                metadata: ["remote": "\(address)", "code": "\(request.code)", "reason": "\(error)"])
        }
        outputGrew()
    }

    // MARK: Sending

    private func head(_ code: RequestCode, opaque: Int32, isOneway: Bool = false) -> RemotingFrameHead {
        // The binary header has 16 bits for the code.
        let isCodeLong = code.rawValue > Int32(Int16.max)
        return .request(
            code, opaque: opaque, isOneway: isOneway, format: isCodeLong ? .json : client.configuration.headerFormat)
    }

    private func register(
        _ timeoutMillis: Int64, _ completion: @escaping RemotingClient.Completion,
        encode: (_ opaque: Int32) throws(RemotingCodecError) -> Void
    ) {
        if let failure = prepare() { return completion(.failure(failure)) }
        let deadline = NIODeadline.now() + .milliseconds(max(0, timeoutMillis))
        guard let opaque = calls.insert(deadline: deadline, completion: completion) else {
            return completion(
                .failure(RemotingError(.overloaded, "\(calls.count) calls wait for answers from \(address)")))
        }
        do throws(RemotingCodecError) {
            try encode(opaque)
        } catch {
            calls.remove(opaque: opaque)?(.failure(RemotingError(.unencodable, error.message)))
            return
        }
        client.timer.arm(deadline)
        outputGrew()
    }

    /// Makes sure that there is a connection, or one under way; says why not.
    private func prepare() -> RemotingError? {
        if !isWritable, let failure = checkUnsentBytes() { return failure }
        switch phase {
        case .connected:
            return nil
        case .connecting:
            guard output.byteCount < client.configuration.outputBytesMax else { return tooManyBytes }
            return nil
        case .closed:
            return RemotingError(.shutdown, "the client was shut down")
        case .disconnected:
            guard !client.isShutDown else { return RemotingError(.shutdown, "the client was shut down") }
            guard NIODeadline.now() >= retryAt else {
                return RemotingError(.backingOff, "\(address) could not be reached a moment ago")
            }
            connect()
            return nil
        }
    }

    private var tooManyBytes: RemotingError {
        RemotingError(.overloaded, "\(client.configuration.outputBytesMax) bytes wait to be sent to \(address)")
    }

    private func checkUnsentBytes() -> RemotingError? {
        guard let waiting = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes),
            waiting + output.byteCount >= client.configuration.outputBytesMax
        else { return nil }
        return tooManyBytes
    }

    func outputGrew() {
        guard phase == .connected, !isDirty else { return }
        isDirty = true
        client.flushPass.markDirty(self)
    }
}

extension RemotingPeer: Flushable {
    func flushPending() {
        isDirty = false
        guard let context, output.byteCount > 0 else { return }
        context.writeAndFlush(output.takeAll(), pool: client.flushPass.pool)
    }
}
