import GRPCTestClient
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOPosix
import ProtoMessages

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
        var group = SubscriptionGroupConfig(name: name)
        if name == "lite-group" { group.attributes[AttributeName.liteBindTopic] = "topic" }
        return group
    }
}

/// Keeps what it is asked for.
final class RecordingBackend: Backend {
    var sendCount = 0
    var popCompletion: ((Result<PopAnswer, ProxyError>) -> Void)?
    var changedHandles: [String] = []
    var liteChanges: [LiteSubscriptionChange] = []

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
    ) {
        liteChanges.append(change)
        completion(nil)
    }
    func setOnLiteLoss(_ onLoss: @escaping @Sendable (LiteLoss) -> Void) {}
}

/// A clock that stands still until it is told otherwise.
final class HandClock: Sendable {
    let now = NIOLockedValueBox<Int64>(1_000_000)
    var clock: ProxyClock {
        ProxyClock(
            wallMillis: { self.now.withLockedValue { $0 } }, uptimeMillis: { self.now.withLockedValue { $0 } })
    }
    func advance(_ millis: Int64) { now.withLockedValue { $0 += millis } }
}

/// The service behind a connection without a socket; topic and group are known already.
final class ServiceFixture {
    let channel = EmbeddedChannel()
    let client = HTTP2Client()
    let backend = RecordingBackend()
    let service: ProxyService

    /// What a service shares, with topic and group known. Everything else has to stay on one thread: make the fixture
    /// afterwards, and do not suspend any more.
    static func context(
        _ configuration: ProxyConfiguration = ProxyConfiguration(), group: String = "group",
        clock: ProxyClock = ProxyClock(wallMillis: { 1_000_000 }, uptimeMillis: { 1_000 })
    ) async -> ProxyContext {
        let context = ProxyContext(
            configuration: configuration, metadata: OneTopicSource(), clock: clock, logger: Self.logger)
        let other = MultiThreadedEventLoopGroup.singleton.next()
        await withCheckedContinuation { done in
            _ = context.topics.lookup("topic", on: other) { done.resume() }
        }
        await withCheckedContinuation { done in
            _ = context.groups.lookup(group, on: other) { done.resume() }
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
