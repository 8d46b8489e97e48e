import NIOCore
import NIOHTTP1

/// Runs one connection: bounds what comes in, before it is parsed, and answers requests.
final class MonitorHandler {
    typealias AnswerMaker = @Sendable (MonitorRoute, any EventLoop) -> EventLoopFuture<MonitorAnswer>

    private let makeAnswer: AnswerMaker
    private var state: MonitorConnectionState
    private var route: MonitorRoute?
    private var isKeptAlive = false
    private var timer: Scheduled<Void>?

    init(limits: MonitorConnectionState.Limits, makeAnswer: @escaping AnswerMaker) {
        self.makeAnswer = makeAnswer
        state = MonitorConnectionState(limits: limits, nowMillis: Self.nowMillis)
    }

    private static var nowMillis: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    /// Puts the handlers into a channel.
    static func install(_ handler: MonitorHandler, on channel: any Channel) throws {
        let operations = channel.pipeline.syncOperations
        try operations.addHandler(Inbound(handler: handler))
        try operations.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
        try operations.addHandler(Requests(handler: handler))
    }

    /// Counts bytes before they are parsed.
    private final class Inbound: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let handler: MonitorHandler
        private var isRefused = false

        init(handler: MonitorHandler) { self.handler = handler }

        func channelActive(context: ChannelHandlerContext) {
            handler.watch(context)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            guard !isRefused else { return }
            if handler.state.received(bytes: bytes.readableBytes, nowMillis: MonitorHandler.nowMillis) {
                handler.watch(context)
                return context.fireChannelRead(data)
            }
            isRefused = true
            let channel = context.channel
            let text = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: text)))
                .whenComplete { _ in channel.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            handler.timer?.cancel()
            context.fireChannelInactive()
        }
    }

    /// Takes requests and writes answers.
    private final class Requests: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let handler: MonitorHandler

        init(handler: MonitorHandler) { self.handler = handler }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                handler.route = .of(method: head.method.rawValue, target: head.uri)
                handler.isKeptAlive = head.isKeepAlive
            case .body: break
            case .end: answer(context)
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            guard let route = handler.route else { return }
            handler.route = nil
            handler.state.requestEnded(nowMillis: MonitorHandler.nowMillis)
            handler.watch(context)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            handler.makeAnswer(route, context.eventLoop).whenComplete { result in
                let (requests, context) = bound.value
                switch result {
                case .success(let answer): requests.write(answer, context)
                case .failure: context.close(promise: nil)
                }
            }
        }

        private func write(_ answer: MonitorAnswer, _ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            let body = context.channel.allocator.buffer(string: answer.body)
            var headers = HTTPHeaders([
                ("content-type", answer.contentType), ("content-length", String(body.readableBytes)),
                ("connection", handler.isKeptAlive ? "keep-alive" : "close"), ("cache-control", "no-store"),
            ])
            if answer.status == 405 { headers.add(name: "allow", value: "GET") }
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
                let (requests, context) = bound.value
                requests.handler.answered(context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    private func answered(_ context: ChannelHandlerContext) {
        guard isKeptAlive else { return context.close(promise: nil) }
        state.answered(nowMillis: Self.nowMillis)
        watch(context)
    }

    /// Closes the connection when its time is over.
    private func watch(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        let wait = max(0, state.deadlineMillis - Self.nowMillis)
        timer = context.eventLoop.scheduleTask(in: .milliseconds(wait)) { channel.close(promise: nil) }
    }
}
