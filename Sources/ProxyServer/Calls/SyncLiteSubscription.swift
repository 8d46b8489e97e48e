import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    /// Lite topics over a group's quota that one request may name: a full list may hold lost ones (Apache's slack).
    private static var liteQuotaSlack: Int { 300 }
    /// Time between two words to the brokers that the client's stream is here.
    private static var liteAnnounceSeconds: Int64 { 30 }

    /// A consumer says which lite topics it wants: every broker of the parent topic is told, and all must agree.
    func syncLiteSubscription(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try SyncLiteSubscriptionRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        try MessageValidation.checkGroup(request.group.name)
        guard let action = request.action else { throw ProxyError(.badRequest, "there is no such action") }
        if action == .partialAdd {
            for index in 0..<request.liteTopicCount where !LiteTopicName.isValid(request.liteTopic(index).bytes) {
                throw Self.illegalLiteTopic
            }
        }
        guard let group = try group(request.group.name, for: message, call) else { return }
        try checkLite(group, topic: request.topic.name)
        let quota = Int(group.liteClientQuota)
        guard quota < 0 || request.liteTopicCount <= quota + Self.liteQuotaSlack else {
            throw ProxyError(
                .liteSubscriptionQuotaExceeded,
                "\(request.liteTopicCount) lite topics are named, group \(group.name) allows \(quota) for one client")
        }
        guard let topic = try topic(request.topic.name, for: message, call) else { return }
        if action == .partialAdd { try admitAddition(topic: topic.snapshot.name, group: group.name) }
        let change = LiteSubscriptionChange(
            action: action, clientID: call.metadata("x-mq-client-id") ?? "", group: group.name,
            topic: topic.snapshot.name,
            liteTopics: (0..<request.liteTopicCount).map { request.liteTopic($0).string }, start: request.start)
        guard !topic.snapshot.readBrokers.isEmpty else { throw ProxyError(.forbidden, "no readable queue") }
        sync(change, topic.snapshot) { [self] error in
            if let error { fail(call, error) } else { succeed(call) }
        }
    }

    /// Apache's bound: over all clients, for additions only, as the periodic full lists must come through.
    private func admitAddition(topic: String, group: String) throws(ProxyError) {
        let now = context.clock.uptimeMillis()
        guard context.liteAdditions.withLockedValue({ $0.admits(nowMillis: now) }) else {
            throw ProxyError(
                .tooManyRequests,
                "too many lite subscriptions are added, over \(configuration.liteAdditionsPerSecondMax) a second "
                    + "(maxSyncLiteSubscriptionRate): topic \(topic), group \(group)")
        }
    }

    static let illegalLiteTopic = ProxyError(
        .illegalLiteTopic,
        "a lite topic has 1 to \(LiteTopicName.bytesMax) letters, digits, underscores and hyphens")

    /// Refuses groups that are not bound to the topic.
    func checkLite(_ group: SubscriptionGroupConfig, topic: ProtoText) throws(ProxyError) {
        guard let bound = group.liteBindTopic else {
            throw ProxyError(
                .illegalConsumerGroup, "group \(group.name) is not bound to a LITE topic (attribute lite.bind.topic)")
        }
        guard topic == bound else {
            throw ProxyError(.illegalTopic, "group \(group.name) is bound to the topic \(bound)")
        }
    }

    /// Tells all brokers of a topic; the first failure is the answer.
    private func sync(
        _ change: LiteSubscriptionChange, _ topic: TopicSnapshot, completion: @escaping (ProxyError?) -> Void
    ) {
        var missing = topic.readBrokers.count
        var failure: ProxyError?
        for broker in topic.readBrokers {
            backend.syncLite(change, at: broker) { error in
                missing -= 1
                failure = failure ?? error
                if missing == 0 { completion(failure) }
            }
        }
    }

    /// A client of a lite group leaves; its brokers learn of it in the background.
    func liteClientLeaves(_ clientID: String, group: SubscriptionGroupConfig, topic: TopicSnapshot) {
        let change = LiteSubscriptionChange(
            action: .completeRemove, clientID: clientID, group: group.name, topic: topic.name, liteTopics: [],
            start: .last)
        sync(change, topic) { [context] error in
            guard let error else { return }
            context.logger.debug("a lite client's leave was not passed on", metadata: ["reason": "\(error.message)"])
        }
    }

    // MARK: Streams

    /// A lite consumer's stream carried settings: from now on it is told here what it loses, and brokers are told that it
    /// is here.
    func liteConsumerAppeared(group: String, topic: String, _ call: GRPCCall) {
        let stream = ObjectIdentifier(call)
        guard !call.isClosed, let clientID = call.metadata("x-mq-client-id"), !context.liteStreams.knows(stream) else {
            return
        }
        let target = NIOLoopBound(call, eventLoop: eventLoop)
        let isRegistered = context.liteStreams.register(stream, clientID: clientID) { [eventLoop] loss in
            eventLoop.execute {
                let call = target.value
                guard !call.isClosed else { return }
                call.send { ResponseEncoder.notifyUnsubscribeLite(liteTopic: loss.liteTopic, into: &$0) }
            }
        }
        guard isRegistered else { return }
        announce(
            LiteSubscriptionChange(
                action: .partialAdd, clientID: clientID, group: group, topic: topic, liteTopics: [], start: .last),
            stream)
    }

    /// An addition of nothing: it names the connection that speaks for the client. The route is asked of the cache of all
    /// loops: on a loop without calls its own knows none.
    private func announce(_ change: LiteSubscriptionChange, _ stream: ObjectIdentifier) {
        guard context.liteStreams.knows(stream) else { return }
        var wait = TimeAmount.seconds(1)
        if case .found(let topic) = context.topics.lookup(change.topic, on: eventLoop, whenKnown: {}) {
            sync(change, topic) { _ in }
            wait = .seconds(Self.liteAnnounceSeconds)
        }
        eventLoop.assumeIsolated().scheduleTask(in: wait) { [weak self] in self?.announce(change, stream) }
    }
}
