import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import MonitorServer

/// Real sockets: what comes back for what is sent, byte by byte.
@Suite(.timeLimit(.minutes(1))) struct MonitorServerTests {
    private static let pages = MonitorPages(
        metrics: { MonitorAnswer(status: 200, contentType: "text/plain", body: "up 1\n") },
        health: { .health(isWell: false, json: #"{"status":"recovering"}"#) })

    private func withServer(
        _ limits: MonitorConnectionState.Limits = MonitorConnectionState.Limits(), pages: MonitorPages = pages,
        _ body: (MonitorServer, Int) async throws -> Void
    ) async throws {
        let server = MonitorServer(
            group: MultiThreadedEventLoopGroup.singleton, pages: pages, limits: limits, logger: Logger(label: "test"))
        let port = try await server.bind(host: "127.0.0.1", port: 0)
        do {
            try await body(server, port)
        } catch {
            await server.shutdown()
            throw error
        }
        await server.shutdown()
        #expect(server.connectionCount == 0)
    }

    @Test func answersMetricsAndHealth() async throws {
        try await withServer { _, port in
            let metrics = try await exchange("GET /metrics?x=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", port)
            #expect(metrics.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(metrics.contains("content-type: text/plain\r\n") && metrics.contains("content-length: 5\r\n"))
            #expect(metrics.hasSuffix("\r\n\r\nup 1\n"))
            let health = try await exchange("GET /health HTTP/1.0\r\n\r\n", port)
            #expect(health.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
            #expect(health.hasSuffix("\r\n\r\n{\"status\":\"recovering\"}\n"))
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1", "404 Not Found", "there are /metrics and /health here"),
        ("GET /metrics/x HTTP/1.1", "404 Not Found", "there are /metrics"),
        ("POST /metrics HTTP/1.1", "405 Method Not Allowed", "only GET"),
        ("DELETE /health HTTP/1.1", "405 Method Not Allowed", "only GET"),
        ("nonsense", "400 Bad Request", ""),
    ])
    func refusesTheRest(_ line: String, _ status: String, _ sentence: String) async throws {
        try await withServer { _, port in
            let answer = try await exchange(line + "\r\nhost: a\r\nconnection: close\r\n\r\n", port)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"), "\(answer)")
            #expect(answer.contains(sentence), "\(answer)")
        }
    }

    @Test func keepsConnectionsAndAnswersInOrder() async throws {
        try await withServer { _, port in
            let get = "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"
            let last = "GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            let answers = try await exchange(get + get + last, port)
            #expect(answers.ranges(of: "up 1\n").count == 2)
            #expect(answers.hasSuffix("{\"status\":\"recovering\"}\n"))
        }
    }

    @Test func refusesLongRequests() async throws {
        try await withServer { _, port in
            let header = "x: " + String(repeating: "y", count: 9_000)
            let answer = try await exchange("GET /metrics HTTP/1.1\r\n\(header)\r\n\r\n", port)
            #expect(answer.hasPrefix("HTTP/1.1 431 "), "\(answer)")
            let body = String(repeating: "z", count: 9_000)
            let second = try await exchange("GET /metrics HTTP/1.1\r\ncontent-length: 9000\r\n\r\n\(body)", port)
            #expect(!second.contains("up 1"), "\(second)")
        }
    }

    @Test func closesConnectionsThatSendNothingOrTooSlowly() async throws {
        var limits = MonitorConnectionState.Limits()
        limits.idleMillisMax = 50
        limits.requestMillisMax = 50
        try await withServer(limits) { _, port in
            let silent = try await exchange("", port)
            #expect(silent == "")
            let slow = try await exchange("GET /metrics HT", port)
            #expect(slow == "")
        }
    }

    @Test func takesAFewConnectionsOnly() async throws {
        try await withServer { server, port in
            var open: [any Channel] = []
            for _ in 0..<MonitorServer.connectionsMax {
                let (channel, _) = try await connect(port)
                open.append(channel)
            }
            // The next one is answered only if it is admitted; all before it must have been counted by then.
            while server.connectionCount < MonitorServer.connectionsMax { await Task.yield() }
            let answer = try await exchange("GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n", port)
            #expect(answer == "")
            for channel in open { try await channel.close() }
        }
    }

    @Test func makesOnePageAtATime() async throws {
        let running = NIOLockedValueBox((now: 0, most: 0))
        let pages = MonitorPages(
            metrics: {
                running.withLockedValue { running in
                    running.now += 1
                    running.most = max(running.most, running.now)
                }
                // Long enough for another one to come meanwhile.
                for _ in 0..<10_000 { running.withLockedValue { _ in } }
                running.withLockedValue { $0.now -= 1 }
                return .text(200, "done")
            }, health: { .text(200, "well") })
        try await withServer(pages: pages) { _, port in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<16 {
                    group.addTask { try await exchange("GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n", port) }
                }
                for try await answer in group { #expect(answer.hasSuffix("done\n")) }
            }
            #expect(running.withLockedValue { $0.most } == 1)
        }
    }
}

@Suite struct MonitorConnectionStateTests {
    private var limits: MonitorConnectionState.Limits {
        var limits = MonitorConnectionState.Limits()
        limits.requestBytesMax = 100
        limits.idleMillisMax = 1_000
        limits.requestMillisMax = 10
        limits.answerMillisMax = 200
        return limits
    }

    @Test func eachStepHasItsTime() {
        var state = MonitorConnectionState(limits: limits, nowMillis: 0)
        #expect(state.deadlineMillis == 1_000)
        let isFirstTaken = state.received(bytes: 40, nowMillis: 500)
        #expect(isFirstTaken && state.deadlineMillis == 510)
        // More of the same request does not buy time.
        let isRestTaken = state.received(bytes: 40, nowMillis: 505)
        #expect(isRestTaken && state.deadlineMillis == 510)
        state.requestEnded(nowMillis: 506)
        #expect(state.deadlineMillis == 706)
        state.answered(nowMillis: 600)
        #expect(state.deadlineMillis == 1_600)
    }

    @Test func lengthIsCountedForEachRequest() {
        var state = MonitorConnectionState(limits: limits, nowMillis: 0)
        var isTaken = state.received(bytes: 100, nowMillis: 0)
        #expect(isTaken)
        state.requestEnded(nowMillis: 1)
        // Sent before the answer: the beginning of the next request.
        isTaken = state.received(bytes: 60, nowMillis: 2)
        #expect(isTaken && state.deadlineMillis == 201)
        state.answered(nowMillis: 3)
        #expect(state.deadlineMillis == 13)
        isTaken = state.received(bytes: 41, nowMillis: 4)
        #expect(!isTaken)
    }
}

/// Collects what a server sends until it closes.
private final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let text = NIOLockedValueBox("")
    private let done: EventLoopPromise<String>

    init(_ done: EventLoopPromise<String>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let piece = String(buffer: unwrapInboundIn(data))
        text.withLockedValue { $0 += piece }
    }

    func channelInactive(context: ChannelHandlerContext) { done.succeed(text.withLockedValue { $0 }) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private func connect(_ port: Int) async throws -> (any Channel, EventLoopFuture<String>) {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let done = loop.makePromise(of: String.self)
    do {
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { $0.pipeline.addHandler(Collector(done)) }
            .connect(host: "127.0.0.1", port: port).get()
        return (channel, done.futureResult)
    } catch {
        done.fail(error)
        throw error
    }
}

/// Sends text and answers what comes back until the server closes.
private func exchange(_ text: String, _ port: Int) async throws -> String {
    let (channel, answer) = try await connect(port)
    if !text.isEmpty { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
    return try await answer.get()
}
