import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec

/// Calls remoting servers from one event loop: one connection per address, made when first used, calls pipelined by
/// opaque. Shared by nobody else than that loop, so it needs no lock; a program has one client per loop.
/// All mutable state is touched on `eventLoop` only; the methods for any context hop there.
package final class RemotingClient: @unchecked Sendable {
    /// Gets the answer, or the reason why there is none; runs on the client's event loop.
    package typealias Completion = (Result<RemotingCommand, RemotingError>) -> Void

    /// The loop that all methods without `async` must be called on.
    package let eventLoop: any EventLoop
    let configuration: RemotingClientConfiguration
    let logger: Logger
    let flushPass: FlushPass
    let timer: DeadlineTimer
    private var peers: [HostPort: RemotingPeer] = [:]
    private(set) var isShutDown = false

    /// Handles requests that a server sends us; without it they are answered with REQUEST_CODE_NOT_SUPPORTED.
    /// Set it on the event loop.
    package var onServerRequest: ((_ request: RemotingCommand, _ peer: RemotingPeer) -> Void)?

    /// A client without connections.
    package init(
        eventLoop: any EventLoop, configuration: RemotingClientConfiguration = RemotingClientConfiguration(),
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.logger = logger
        flushPass = FlushPass(eventLoop: eventLoop)
        timer = DeadlineTimer(eventLoop: eventLoop)
        timer.onDue = { [weak self] in self?.expireCalls(now: $0) ?? .distantFuture }
    }

    // MARK: On the event loop

    /// The peer at an address; keep it to save the look-up per call. Nil when too many peers are connected.
    package func peer(at address: HostPort) -> RemotingPeer? {
        if let peer = peers[address] { return peer }
        if peers.count >= configuration.peersMax { dropUnusedPeers() }
        guard peers.count < configuration.peersMax else { return nil }
        let peer = RemotingPeer(address: address, client: self)
        peers[address] = peer
        return peer
    }

    /// Sends a request with a typed header.
    package func call(
        _ address: HostPort, code: RequestCode, header: some RemotingHeader, body: ByteBuffer? = nil,
        timeoutMillis: Int64, completion: @escaping Completion
    ) {
        guard let peer = peer(at: address) else { return completion(.failure(tooManyPeers)) }
        peer.call(code: code, header: header, body: body, timeoutMillis: timeoutMillis, completion: completion)
    }

    /// Sends a request whose header fields and body are written in place, straight into the connection's output.
    package func call(
        _ address: HostPort, code: RequestCode, timeoutMillis: Int64, fields: (inout HeaderFieldWriter) -> Void,
        body: (inout ByteBuffer) -> Void, completion: @escaping Completion
    ) {
        guard let peer = peer(at: address) else { return completion(.failure(tooManyPeers)) }
        peer.call(code: code, timeoutMillis: timeoutMillis, fields: fields, body: body, completion: completion)
    }

    /// Sends a request that has no answer. Returns why it was not even queued, if so.
    @discardableResult
    package func sendOneway(
        _ address: HostPort, code: RequestCode, header: some RemotingHeader, body: ByteBuffer? = nil
    ) -> RemotingError? {
        guard let peer = peer(at: address) else { return tooManyPeers }
        return peer.sendOneway(code: code, header: header, body: body)
    }

    // MARK: From any context

    /// Sends a request and waits for the answer.
    package func callAsync(
        _ address: HostPort, code: RequestCode, header: some RemotingHeader = EmptyHeader(), body: ByteBuffer? = nil,
        timeoutMillis: Int64
    ) async throws(RemotingError) -> RemotingCommand {
        let result = await withCheckedContinuation { continuation in
            eventLoop.execute {
                self.call(address, code: code, header: header, body: body, timeoutMillis: timeoutMillis) {
                    continuation.resume(returning: $0)
                }
            }
        }
        return try result.get()
    }

    /// Sends a request that has no answer.
    package func sendOnewayAsync(
        _ address: HostPort, code: RequestCode, header: some RemotingHeader = EmptyHeader(), body: ByteBuffer? = nil
    ) async throws(RemotingError) {
        let failure = await withCheckedContinuation { continuation in
            eventLoop.execute {
                continuation.resume(returning: self.sendOneway(address, code: code, header: header, body: body))
            }
        }
        if let failure { throw failure }
    }

    /// Closes all connections; calls without an answer fail. Any thread; later calls fail at once.
    package func shutdown() {
        if eventLoop.inEventLoop {
            closeAll()
        } else {
            eventLoop.execute { self.closeAll() }
        }
    }

    // MARK: Inside

    private var tooManyPeers: RemotingError {
        RemotingError(.overloaded, "\(configuration.peersMax) peers are connected, no more are allowed")
    }

    private func closeAll() {
        isShutDown = true
        timer.stop()
        for peer in Array(peers.values) { peer.shutDown() }
        peers = [:]
    }

    private func dropUnusedPeers() {
        peers = peers.filter { !$0.value.isUnused }
    }

    private func expireCalls(now: NIODeadline) -> NIODeadline {
        var next = NIODeadline.distantFuture
        for peer in Array(peers.values) { next = min(next, peer.expireCalls(now: now)) }
        return next
    }
}
