import GRPCTestClient
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

@testable import GRPCServer

/// Names of things that happened, which tests can wait for.
final class EventLog: Sendable {
    private struct State {
        var events: [String] = []
        var waiters: [(event: String, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = NIOLockedValueBox(State())

    func note(_ event: String) {
        let ready = state.withLockedValue { state in
            state.events.append(event)
            let isReady = { (waiter: (event: String, count: Int, continuation: CheckedContinuation<Void, Never>)) in
                state.events.count { $0 == waiter.event } >= waiter.count
            }
            let ready = state.waiters.filter(isReady)
            state.waiters.removeAll(where: isReady)
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    var all: [String] { state.withLockedValue { $0.events } }

    /// Returns once `event` has happened `count` times.
    func wait(for event: String, count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLockedValue { state in
                if state.events.count(where: { $0 == event }) >= count { return true }
                state.waiters.append((event, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

/// Methods that show what a server must be able to do.
final class EchoService: GRPCService {
    enum Method: Int, CaseIterable {
        case echo, park, describe, big, stream, bidi, twice

        var path: String { "/test.Echo/\(self)" }

        var kind: GRPCMethod.Kind {
            switch self {
            case .echo, .park, .describe, .big, .twice: .unary
            case .stream: .serverStreaming
            case .bidi: .bidi
            }
        }
    }

    let log: EventLog
    private var parked: [GRPCCall] = []

    init(log: EventLog) {
        self.log = log
    }

    func methodTable() -> [GRPCMethod] {
        Method.allCases.map { GRPCMethod(path: $0.path, kind: $0.kind) }
    }

    func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall) {
        guard let method = Method(rawValue: call.methodIndex) else { return }
        switch method {
        case .echo:
            call.send { $0.writeBytes(message) }
            call.finish(.ok)
        case .park:
            parked.append(call)
            log.note("parked")
        case .describe:
            let text = [
                call.metadata("x-mq-client-id") ?? "-", call.authority, call.isTLS ? "tls" : "plain",
                String((call.deadlineMillisRemaining ?? -1) / 1_000), call.remoteAddress,
            ]
            call.send { $0.writeString(text.joined(separator: "|")) }
            call.finish(.ok)
        case .big:
            let count = message.reduce(0) { $0 << 8 | Int($1) }
            call.send { $0.writeRepeatingByte(7, count: count) }
            log.note("big pending \(call.pendingBytes > 0)")
            call.finish(.ok)
        case .stream:
            for byte in message { call.send { $0.writeInteger(byte) } }
            call.finish(.ok, message: "100 % — done")
        case .bidi:
            call.userState = self
            call.send { $0.writeBytes(message) }
        case .twice:
            call.finish(.notFound, message: "first")
            call.finish(.ok)
            call.send { $0.writeString("too late") }
        }
    }

    func halfClosed(_ call: GRPCCall) {
        log.note("half-closed")
        if call.kind == .bidi { call.finish(.ok) }
    }

    func cancelled(_ call: GRPCCall) {
        log.note("cancelled \(call.metadata("x-mq-client-id") ?? "-")")
        call.send { $0.writeString("nobody reads this") }
        call.finish(.ok)
    }

    func drain() {
        log.note("drain")
        for call in parked where call.metadata("finish-on-drain") != nil {
            call.finish(.unavailable, message: "draining")
        }
    }
}

/// A server with an echo service for one test.
struct EchoServer {
    let server: GRPCServer
    let port: Int
    let log: EventLog

    /// Runs `body` with a server, then drains it.
    static func with<R: Sendable>(
        _ configure: (inout GRPCServerConfiguration) -> Void = { _ in },
        _ body: (EchoServer) async throws -> R
    ) async throws -> R {
        var configuration = GRPCServerConfiguration()
        configuration.messageBytesMax = 4 << 20
        configure(&configuration)
        let log = EventLog()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = GRPCServer(
            group: group, configuration: configuration, serviceFactory: { _ in EchoService(log: log) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let port = try await server.bind(host: "127.0.0.1", port: 0)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(EchoServer(server: server, port: port, log: log)))
        } catch {
            result = .failure(error)
        }
        await server.drain(deadlineMillis: 300)
        try await group.shutdownGracefully()
        return try result.get()
    }

    func connect() async throws -> GRPCTestClient {
        try await GRPCTestClient.connect(port: port)
    }

    /// Sends bytes on a fresh connection and collects what comes until the server closes it.
    func exchange(_ bytes: [UInt8]) async throws -> [UInt8] {
        let collected = NIOLockedValueBox<[UInt8]>([])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(collected))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        try await channel.closeFuture.get()
        return collected.withLockedValue { $0 }
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let collected: NIOLockedValueBox<[UInt8]>

    init(_ collected: NIOLockedValueBox<[UInt8]>) {
        self.collected = collected
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        collected.withLockedValue { $0 += bytes }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
