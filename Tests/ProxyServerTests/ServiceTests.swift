import GRPCTestClient
import Logging
import MessageModel
import NIOCore
import NIOEmbedded
import NIOPosix
import ProtoMessages
import Testing

@testable import GRPCServer
@testable import ProxyServer

private struct OneTopic {
    static let snapshot = TopicSnapshot(
        name: "topic",
        route: TopicRoute(
            queues: [QueueRoute(brokerName: "a", readQueueCount: 4, writeQueueCount: 4, permission: .readWrite)],
            brokers: [BrokerRoute(cluster: "c", brokerName: "a", addresses: [0: "10.0.0.1:10911"])]),
        messageType: .normal)
}

private final class OneTopicSource: MetadataSource {
    func fetchTopic(_ name: String) async throws(ProxyError) -> TopicSnapshot? {
        name == "topic" ? OneTopic.snapshot : nil
    }
    func fetchGroup(_ name: String) async throws(ProxyError) -> SubscriptionGroupConfig? {
        SubscriptionGroupConfig(name: name)
    }
}

/// Keeps what it is asked for.
private final class RecordingBackend: Backend {
    var sendCount = 0
    var popCompletion: ((Result<PopAnswer, ProxyError>) -> Void)?
    var changedHandles: [String] = []

    func send(_ request: SendRequest, completion: @escaping (Result<SendReceipt, ProxyError>) -> Void) {
        sendCount += 1
        completion(.success(SendReceipt(status: .ok, queueOffset: .max)))
    }
    func pop(_ request: PopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void) {
        popCompletion = completion
    }
    func endTransaction(_ request: EndTransactionRequest, completion: @escaping (ProxyError?) -> Void) {
        completion(nil)
    }

    func acknowledge(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) { completion(nil) }
    func changeInvisible(
        _ request: ReceiptRequest, invisibleMillis: Int64, completion: @escaping (Result<String, ProxyError>) -> Void
    ) {
        changedHandles.append(request.handleText)
        completion(.success(request.handleText))
    }
    func deadLetter(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) { completion(nil) }
    func acknowledgeAll(_ requests: [ReceiptRequest], completion: @escaping (ProxyError?) -> Void) { completion(nil) }
    func pull(_ request: PullRequest, completion: @escaping (Result<PullAnswer, ProxyError>) -> Void) {
        completion(.success(PullAnswer(outcome: .empty, nextOffset: request.offset)))
    }
    func updateOffset(
        _ queue: QueueReference, group: String, offset: Int64, completion: @escaping (ProxyError?) -> Void
    ) { completion(nil) }
    func committedOffset(
        _ queue: QueueReference, group: String, completion: @escaping (Result<Int64?, ProxyError>) -> Void
    ) { completion(.success(nil)) }
    func queueOffset(
        _ queue: QueueReference, at place: QueuePlace, completion: @escaping (Result<Int64, ProxyError>) -> Void
    ) { completion(.success(7)) }
    func recall(_ request: RecallRequest, completion: @escaping (Result<String, ProxyError>) -> Void) {
        completion(.success("id"))
    }
    func popLite(_ request: LitePopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void) {
        completion(.success(PopAnswer(outcome: .empty)))
    }
    func syncLite(
        _ change: LiteSubscriptionChange, at broker: BrokerTarget, completion: @escaping (ProxyError?) -> Void
    ) { completion(nil) }
    func setOnLiteLoss(_ onLoss: @escaping @Sendable (LiteLoss) -> Void) {}
}

/// The service behind a connection without a socket; topic and group are known already.
private final class Fixture {
    let channel = EmbeddedChannel()
    let client = HTTP2Client()
    let backend = RecordingBackend()
    let service: ProxyService

    /// What a service shares, with topic and group known. Everything else has to stay on one thread: make the fixture
    /// afterwards, and do not suspend any more.
    static func context(_ configuration: ProxyConfiguration = ProxyConfiguration()) async -> ProxyContext {
        let context = ProxyContext(
            configuration: configuration, metadata: OneTopicSource(),
            clock: ProxyClock(wallMillis: { 1_000_000 }, uptimeMillis: { 1_000 }), logger: Self.logger)
        let other = MultiThreadedEventLoopGroup.singleton.next()
        await withCheckedContinuation { done in
            _ = context.topics.lookup("topic", on: other) { done.resume() }
        }
        await withCheckedContinuation { done in
            _ = context.groups.lookup("group", on: other) { done.resume() }
        }
        return context
    }

    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    init(_ context: ProxyContext, _ configure: (inout GRPCServerConfiguration) -> Void = { _ in }) throws {
        service = ProxyService(context: context, eventLoop: channel.embeddedEventLoop, backend: backend)
        var configuration = GRPCServerConfiguration()
        configure(&configuration)
        let loop = GRPCLoop(
            eventLoop: channel.embeddedEventLoop, configuration: configuration, service: service, logger: Self.logger,
            clock: { 1_000 })
        try channel.pipeline.syncOperations.addHandler(GRPCConnection(id: 1, loop: loop))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// Moves bytes both ways until neither side has any.
    func pump() throws {
        while true {
            let sent = client.drain()
            if !sent.isEmpty { try channel.writeInbound(ByteBuffer(bytes: sent)) }
            channel.embeddedEventLoop.run()
            var answered: [UInt8] = []
            while let buffer = try channel.readOutbound(as: ByteBuffer.self) { answered += buffer.readableBytesView }
            if !answered.isEmpty { client.receive(answered) }
            if sent.isEmpty && answered.isEmpty { return }
        }
    }

    func open(_ method: ProxyService.Method) -> Int32 {
        client.open(GRPCTestClient.fields(method.path, [("x-mq-client-id", "me")]))
    }

    func message(capacity: Int = 4_096, _ write: (inout ProtoWriter) -> Void) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeProto(capacity: capacity, write)
        return GRPCTestClient.frame(Array(buffer.readableBytesView))
    }
}

@Suite struct ServiceTests {
    @Test func aStreamThatEndsWithNonsenseIsForgotten() async throws {
        let fixture = try Fixture(await Fixture.context())
        let stream = fixture.open(.telemetry)
        let settings = fixture.message { $0.message(2) { $0.message(5) { $0.message(1) { $0.text(2, "topic") } } } }
        fixture.client.send(settings, on: stream, isEnded: false)
        try fixture.pump()
        #expect(fixture.service.deliveries.streams.count == 1)
        fixture.client.send(GRPCTestClient.frame([0xFF, 0xFF, 0xFF]), on: stream, isEnded: false)
        try fixture.pump()
        #expect(fixture.client.answers[stream]?.grpcStatus == 13)
        #expect(fixture.service.deliveries.streams.isEmpty)
    }

    @Test func propertiesBeyondTheirStoredLengthAreRefused() async throws {
        var configuration = ProxyConfiguration()
        configuration.messages.propertyBytesMax = 0
        let fixture = try Fixture(await Fixture.context(configuration))
        var sample = MessageSample()
        sample.tag = String(repeating: "t", count: 33_000)
        for count in [1, 2] {
            let stream = fixture.open(.sendMessage)
            let request = fixture.message(capacity: 1 << 18) { writer in
                for _ in 0..<count { writer.message(1, sizeHint: 1 << 16) { sample.write(&$0) } }
            }
            fixture.client.send(request, on: stream, isEnded: true)
            try fixture.pump()
            let answer = try #require(fixture.client.answers[stream]?.messages.first)
            // Status {code = 43101}.
            #expect(answer.dropFirst(2).starts(with: [0x08, 0xDD, 0xD0, 0x02]))
        }
        #expect(fixture.backend.sendCount == 0)
    }

    @Test func messagesOfAnAnswerThatIsCutOffGoBack() async throws {
        let fixture = try Fixture(await Fixture.context()) { $0.outputQueueBytesMax = 6_000 }
        let stream = fixture.open(.receiveMessage)
        let request = fixture.message { writer in
            writer.message(1) { $0.text(2, "group") }
            writer.message(2) { $0.message(1) { $0.text(2, "topic") } }
            writer.integer(4, 8)
            writer.duration(5, millis: 30_000)
        }
        fixture.client.send(request, on: stream, isEnded: true)
        try fixture.pump()
        let host = StoredHost(high: 0, port: 1)
        let messages = (0..<4).map { index in
            PoppedMessage(
                body: 0..<4_000, properties: 0..<0, sysFlag: [], queueId: 0, queueOffset: Int64(index), logOffset: 0,
                bornMillis: 0, storeMillis: 0, bornHost: host, storeHost: host, reconsumeTimes: 0,
                checkpoint: .init(
                    startOffset: 0, popMillis: 1_000_000, invisibleMillis: 30_000, reviveQueueId: 0, topicKind: .normal,
                    queueOffset: Int64(index)))
        }
        let pop = try #require(fixture.backend.popCompletion)
        pop(
            .success(
                PopAnswer(
                    outcome: .found, bytes: ByteBuffer(repeating: 1, count: 4_000), messages: messages,
                    brokerName: "a", invisibleMillis: .max)))
        try fixture.pump()
        #expect(Set(fixture.backend.changedHandles).count == 4)
        #expect(fixture.backend.changedHandles.count == 4)
    }

    @Test func aRequestIsPutAsideOnlySoOften() async throws {
        let fixture = try Fixture(await Fixture.context())
        let stream = fixture.open(.telemetry)
        let settings = fixture.message { $0.message(2) { $0.message(5) { $0.message(1) { $0.text(2, "topic") } } } }
        fixture.client.send(settings, on: stream, isEnded: false)
        try fixture.pump()
        let call = try #require(fixture.service.deliveries.streams.values.first?.call)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        var parked = ParkedRequests()
        let ticket = try parked.park(nothing, call, attempt: ParkedRequests.attemptCountMax - 1)
        #expect(parked.take(ticket)?.attempt == ParkedRequests.attemptCountMax - 1)
        #expect(throws: ProxyError.self) {
            try parked.park(nothing, call, attempt: ParkedRequests.attemptCountMax)
        }
    }
}
