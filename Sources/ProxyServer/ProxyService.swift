import GRPCServer
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages

/// What the services of all loops share.
package final class ProxyContext: Sendable {
    /// How the proxy runs.
    package let configuration: ProxyConfiguration
    /// Time.
    package let clock: ProxyClock
    let topics: MetadataCache<TopicSnapshot>
    let groups: MetadataCache<SubscriptionGroupConfig>
    let advertised: AdvertisedEndpoint
    let logger: Logger
    let presence = ClientPresence()
    /// How fast clients may subscribe to lite topics.
    let liteAdditions: NIOLockedValueBox<CallRate>
    /// Producers that brokers can ask about transactions.
    package let producers = ProducerStreams()
    /// Consumers that operators can ask something.
    package let consumers = ConsumerStreams()
    /// Lite consumers, to be told what they lose.
    let liteStreams = LiteStreams()

    /// A context over a source of metadata.
    package init(
        configuration: ProxyConfiguration, metadata: any MetadataSource, limits: MetadataLimits = MetadataLimits(),
        clock: ProxyClock = .system, logger: Logger
    ) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        liteAdditions = NIOLockedValueBox(CallRate(perSecond: configuration.liteAdditionsPerSecondMax))
        topics = MetadataCache(clock: clock, limits: limits) { name async throws(ProxyError) in
            try await metadata.fetchTopic(name)
        }
        groups = MetadataCache(clock: clock, limits: limits) { name async throws(ProxyError) in
            try await metadata.fetchGroup(name)
        }
        advertised = AdvertisedEndpoint(
            configured: configuration.advertisedAddress,
            port: configuration.isClientPortKept ? nil : Int32(configuration.grpcPort))
    }

    /// The brokers that may hold transactions of a topic. Empty while its route is not known; then `whenKnown` is called on
    /// the loop once it is.
    package func transactionBrokers(
        of topic: String, on eventLoop: any EventLoop, whenKnown: @escaping @Sendable () -> Void
    ) -> [BrokerTarget] {
        guard case .found(let snapshot) = topics.lookup(topic, on: eventLoop, whenKnown: whenKnown),
            snapshot.takesAnyKind || snapshot.messageType.accepts(.transaction)
        else { return [] }
        return snapshot.brokers
    }

    /// The brokers of a topic. Empty while its route is not known; then `whenKnown` is called on the loop once it is.
    package func brokers(
        of topic: String, on eventLoop: any EventLoop, whenKnown: @escaping @Sendable () -> Void
    ) -> [BrokerTarget] {
        guard case .found(let snapshot) = topics.lookup(topic, on: eventLoop, whenKnown: whenKnown) else { return [] }
        return snapshot.brokers
    }

    /// Forgets unused names; call it about once a second.
    package func sweep() {
        topics.sweep()
        groups.sweep()
        presence.sweep(nowMillis: clock.uptimeMillis())
    }
}

/// The v5 API on one event loop. Nothing an answer depends on is kept here: any proxy can serve any call.
package final class ProxyService: GRPCService {
    /// Calls by their place in the method table.
    enum Method: Int, CaseIterable {
        case queryRoute, heartbeat, sendMessage, queryAssignment, receiveMessage, ackMessage, telemetry
        case notifyClientTermination, changeInvisibleDuration, recallMessage
        case forwardMessageToDeadLetterQueue, pullMessage, updateOffset, getOffset, queryOffset, endTransaction
        case syncLiteSubscription

        var path: String {
            let name =
                switch self {
                case .queryRoute: "QueryRoute"
                case .heartbeat: "Heartbeat"
                case .sendMessage: "SendMessage"
                case .queryAssignment: "QueryAssignment"
                case .receiveMessage: "ReceiveMessage"
                case .ackMessage: "AckMessage"
                case .telemetry: "Telemetry"
                case .notifyClientTermination: "NotifyClientTermination"
                case .changeInvisibleDuration: "ChangeInvisibleDuration"
                case .forwardMessageToDeadLetterQueue: "ForwardMessageToDeadLetterQueue"
                case .pullMessage: "PullMessage"
                case .updateOffset: "UpdateOffset"
                case .getOffset: "GetOffset"
                case .queryOffset: "QueryOffset"
                case .recallMessage: "RecallMessage"
                case .endTransaction: "EndTransaction"
                case .syncLiteSubscription: "SyncLiteSubscription"
                }
            return "/apache.rocketmq.v2.MessagingService/\(name)"
        }

        var kind: GRPCMethod.Kind {
            switch self {
            case .receiveMessage, .pullMessage: .serverStreaming
            case .telemetry: .bidi
            default: .unary
            }
        }
    }

    let context: ProxyContext
    let eventLoop: any EventLoop
    let backend: any Backend
    let metadata: LoopMetadata
    let arena = DecodeArena()
    let validation: MessageValidation
    let propertyNames = StoredPropertyNames()
    let inflater: BodyInflater
    var scratch = ByteBuffer()
    var parked = ParkedRequests()
    /// How often the request that is being handled was put aside before.
    private var attempt = 0
    let deliveries: OpenDeliveries
    var brokerHealth = BrokerHealth()
    var questions = PendingQuestions()
    /// The proxy stops: nothing is to wait here any more.
    private(set) var isDraining = false

    var configuration: ProxyConfiguration { context.configuration }

    /// The service of one loop over that loop's backend.
    package init(context: ProxyContext, eventLoop: any EventLoop, backend: any Backend) {
        self.context = context
        self.eventLoop = eventLoop
        self.backend = backend
        metadata = LoopMetadata(
            eventLoop: eventLoop, topics: context.topics, groups: context.groups, clock: context.clock)
        validation = MessageValidation(limits: context.configuration.messages)
        inflater = BodyInflater(bytesMax: 64 << 20)
        deliveries = OpenDeliveries()
        backend.setOnLiteLoss { [context] loss in context.liteStreams.tell(loss) }
    }

    /// The calls served; all others are unimplemented to the gRPC server.
    package func methodTable() -> [GRPCMethod] {
        Method.allCases.map { GRPCMethod(path: $0.path, kind: $0.kind) }
    }

    /// Decodes a request, checks it and starts what it asks for.
    package func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall) {
        guard let method = Method(rawValue: call.methodIndex) else {
            return call.finish(.unimplemented, message: "no such method")
        }
        guard let clientID = call.metadataBytes("x-mq-client-id"), !ProtoText(clientID).isBlank else {
            return fail(call, ProxyError(.clientIDRequired, "client-id cannot be empty"))
        }
        defer { arena.reset() }
        do {
            switch method {
            case .sendMessage: try sendMessage(message, call)
            case .receiveMessage: try receiveMessage(message, call)
            case .ackMessage: try ackMessage(message, call)
            case .changeInvisibleDuration: try changeInvisibleDuration(message, call)
            case .recallMessage: try recallMessage(message, call)
            case .endTransaction: try endTransaction(message, call)
            case .queryRoute: try queryRoute(message, call)
            case .queryAssignment: try queryAssignment(message, call)
            case .heartbeat: try heartbeat(message, call)
            case .notifyClientTermination: try notifyClientTermination(message, call)
            case .telemetry: try telemetry(message, call)
            case .forwardMessageToDeadLetterQueue: try forwardMessageToDeadLetterQueue(message, call)
            case .pullMessage: try pullMessage(message, call)
            case .updateOffset: try updateOffset(message, call)
            case .getOffset: try getOffset(message, call)
            case .queryOffset: try queryOffset(message, call)
            case .syncLiteSubscription: try syncLiteSubscription(message, call)
            }
        } catch let error as ProxyError {
            fail(call, error)
        } catch let error as ProtoError {
            refuse(call, error)
        } catch {
            fail(call, ProxyError(.internalServerError, "\(error)"))
        }
    }

    /// A client ends its telemetry stream: so do we.
    package func halfClosed(_ call: GRPCCall) {
        guard call.methodIndex == Method.telemetry.rawValue else { return }
        telemetryEnded(call)
        call.finish(.ok)
    }

    /// A call ended from outside; a pop under way gives its messages back when it comes in.
    package func cancelled(_ call: GRPCCall) {
        if call.methodIndex == Method.telemetry.rawValue { telemetryEnded(call) }
    }

    /// The proxy stops.
    package func drain() {
        isDraining = true
        endParkedCalls()
    }

    // MARK: Answers that end a call

    /// Bytes that are no request of this method: the gRPC status that the gRPC specification gives to that.
    private func refuse(_ call: GRPCCall, _ error: ProtoError) {
        // Whoever ends a call here is not told of its end.
        if call.methodIndex == Method.telemetry.rawValue { telemetryEnded(call) }
        switch error.code {
        case .malformed, .invalidText: call.finish(.internal, message: "cannot parse the request: \(error.message)")
        case .tooComplex: call.finish(.resourceExhausted, message: error.message)
        }
    }

    /// Ends a call with a code of the API.
    func fail(_ call: GRPCCall, _ error: ProxyError) {
        call.send { ResponseEncoder.statusOnly(error.status, into: &$0) }
        switch Method(rawValue: call.methodIndex) {
        case .receiveMessage:
            call.send { ResponseEncoder.deliveryTimestamp(millis: context.clock.wallMillis(), into: &$0) }
        case .telemetry: telemetryEnded(call)
        default: break
        }
        call.finish(.ok)
    }

    /// Ends a call whose answer is nothing but success.
    func succeed(_ call: GRPCCall) {
        call.send { ResponseEncoder.statusOnly(.ok, into: &$0) }
        call.finish(.ok)
    }

    // MARK: Metadata

    /// The topic of a request. `nil` when it is not known yet: then the request runs again once it is.
    func topic(
        _ name: ProtoText, for message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> LoopMetadata.Topic? {
        if let known = metadata.knownTopic(name) { return known }
        let ticket = try parked.park(message, call, attempt: attempt)
        switch metadata.topic(name, whenKnown: { [self] in replay(ticket) }) {
        case .pending: return nil
        case .found(let topic):
            parked.remove(ticket)
            return topic
        case .absent:
            parked.remove(ticket)
            throw ProxyError(.topicNotFound, "no topic route info for topic \(name.string)")
        case .failed(let error):
            parked.remove(ticket)
            throw error
        }
    }

    /// The same for a name that is not of the request's own text.
    func topic(
        named name: String, for message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> LoopMetadata.Topic? {
        var name = name
        let result = name.withUTF8 { text -> Result<LoopMetadata.Topic?, ProxyError> in
            do throws(ProxyError) {
                return .success(try topic(ProtoText(UnsafeRawBufferPointer(text)), for: message, call))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The group's configuration, defaults when the brokers know no such group; `nil` as for `topic`.
    func group(
        _ name: ProtoText, for message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> SubscriptionGroupConfig? {
        if let known = metadata.knownGroup(name) { return known }
        let ticket = try parked.park(message, call, attempt: attempt)
        switch metadata.group(name, whenKnown: { [self] in replay(ticket) }) {
        case .pending: return nil
        case .found(let group):
            parked.remove(ticket)
            return group
        case .absent, .failed:
            // Brokers create groups on first use; what they would create has the defaults.
            parked.remove(ticket)
            return SubscriptionGroupConfig(name: name.string)
        }
    }

    /// The broker that made a handle: one of the topic's, or wherever the name server says a broker of that name is.
    /// `nil` as for `topic`.
    func broker(
        _ name: String, topic: ProtoText, for message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> BrokerTarget? {
        if let known = metadata.knownTopic(topic)?.snapshot.broker(named: name) { return known }
        do throws(ProxyError) {
            guard let found = try self.topic(topic, for: message, call) else { return nil }
            if let broker = found.snapshot.broker(named: name) { return broker }
        } catch {
            guard error.code == .topicNotFound else { throw error }
        }
        // Brokers register a topic of their own name.
        let own = try ownTopic(name, for: message, call)
        guard let own else { return nil }
        guard let broker = own.snapshot.broker(named: name) else { throw Self.unknownBroker(name) }
        return broker
    }

    private func ownTopic(
        _ name: String, for message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> LoopMetadata.Topic? {
        do throws(ProxyError) {
            return try topic(named: name, for: message, call)
        } catch {
            throw error.code == .topicNotFound ? Self.unknownBroker(name) : error
        }
    }

    private static func unknownBroker(_ name: String) -> ProxyError {
        ProxyError(.invalidReceiptHandle, "the receipt handle names the unknown broker \(name)")
    }

    private func replay(_ ticket: Int) {
        guard let request = parked.take(ticket), !request.call.isClosed else { return }
        attempt = request.attempt + 1
        defer { attempt = 0 }
        request.bytes.withUnsafeBytes { receive($0, on: request.call) }
    }
}

/// Requests that wait for a route or a configuration, as bytes, bounded in number and size.
struct ParkedRequests {
    struct Request {
        let bytes: [UInt8]
        let call: GRPCCall
        let attempt: Int
    }

    /// A request that names many unknown brokers waits for one after the other; what it learnt first may be out of
    /// date by then. It must end all the same.
    static let attemptCountMax = 16
    private static let countMax = 10_000
    private static let bytesMax = 64 << 20

    private var requests: [Int: Request] = [:]
    private var next = 0
    private(set) var byteCount = 0

    mutating func park(
        _ message: UnsafeRawBufferPointer, _ call: GRPCCall, attempt: Int
    ) throws(ProxyError) -> Int {
        guard attempt < Self.attemptCountMax else {
            throw ProxyError(.proxyTimeout, "the request needs more routes than could be found in time")
        }
        guard requests.count < Self.countMax, byteCount + message.count <= Self.bytesMax else {
            throw ProxyError(.tooManyRequests, "too many requests wait for routes")
        }
        next += 1
        requests[next] = Request(bytes: Array(message), call: call, attempt: attempt)
        byteCount += message.count
        return next
    }

    mutating func take(_ ticket: Int) -> Request? {
        guard let request = requests.removeValue(forKey: ticket) else { return nil }
        byteCount -= request.bytes.count
        return request
    }

    mutating func remove(_ ticket: Int) {
        _ = take(ticket)
    }
}
