import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec

extension DeliveryService {
    /// Copies a message that had all its attempts to the group's dead-letter queue, and only then counts it as done.
    ///
    /// A crash between the two leaves a second copy, never none: the message itself may be on the disk for long, so its
    /// copy must be there too, whatever flush mode the store has. When anything fails, the message becomes visible again
    /// after the ledger's hold and the move is tried anew.
    func move(
        _ deadLetter: DeadLetter, of subscription: Subscription,
        completion: @escaping @Sendable (ServiceError?) -> Void = { _ in }
    ) {
        let key = subscription.key
        var buffer = ByteBuffer()
        let reading = dependencies.store.readRecord(
            topic: key.topic, queueID: deadLetter.queueID, offset: deadLetter.offset,
            maxBytes: configuration.popBytesMax, into: &buffer)
        if case .gone = reading {
            // There is nothing to copy, and never will be.
            settle(deadLetter, of: subscription)
            return completion(nil)
        }
        guard let record = reading.record, let view = MessageRecord(buffer, range: record.range) else {
            logger.warning(
                "dead letter cannot be read",
                metadata: ["topic": "\(key.topic)", "queue": "\(deadLetter.queueID)", "offset": "\(deadLetter.offset)"])
            return completion(ServiceError(code: .systemError, message: "the message cannot be read"))
        }
        let topic = NameRules.dlqTopic(key.group)
        let copy = NewRecord(
            topic: topic, properties: Self.deadLetterProperties(view, key: key), body: view.body, original: view,
            isDurable: true)
        dependencies.createTopic(
            TopicConfig(name: topic, readQueueCount: 1, writeQueueCount: 1, permission: [.read, .write])
        ) { [self] isThere in
            guard isThere else {
                logger.warning("dead-letter topic cannot be created", metadata: ["topic": "\(topic)"])
                return completion(ServiceError(code: .systemError, message: "\(topic) cannot be created"))
            }
            dependencies.store.appendRecord(copy) { [self] outcome in
                switch outcome {
                case .success:
                    settle(deadLetter, of: subscription)
                    completion(nil)
                case .failure(let error):
                    logger.warning(
                        "dead letter cannot be stored", metadata: ["topic": "\(topic)", "error": "\(error)"])
                    completion(ServiceError(code: .systemError, message: error.description))
                }
            }
        }
    }

    private func settle(_ deadLetter: DeadLetter, of subscription: Subscription) {
        let now = dependencies.nowMillis()
        var woken: [WokenWaiter] = []
        let mustList = subscription.withState { state -> Bool in
            let index = Int(deadLetter.queueID)
            guard !state.isRemoved, index < state.queues.count,
                state.queues[index]?.ledger.settle(offset: deadLetter.offset) == true
            else { return false }
            state.record(.done(offset: deadLetter.offset), queueID: deadLetter.queueID)
            woken = takeOneWaiter(&state, queueID: deadLetter.queueID, nowMillis: now)
            return state.mustList()
        }
        if mustList { journal.list(subscription) }
        run(woken)
    }

    /// The message's own properties, and where it came from.
    private static func deadLetterProperties(_ view: MessageRecord, key: SubscriptionKey) -> String {
        var pairs = PropertyText.parse(String(buffer: view.properties))
        let uniqueKey = pairs.first { $0.name == PropertyName.uniqueKey }?.value
        let messageID = OffsetMessageId(
            host: view.storeHost.address, port: view.storeHost.port, logOffset: view.logOffset
        ).text
        func set(_ name: String, _ value: String, onlyIfAbsent: Bool = false) {
            guard let index = pairs.firstIndex(where: { $0.name == name }) else {
                return pairs.append((name: name, value: value))
            }
            if !onlyIfAbsent { pairs[index].value = value }
        }
        // The topic of a message of a lite topic is the parent.
        let topic = LiteTopicName(queueName: key.topic)?.parent ?? key.topic
        set(PropertyName.retryTopic, topic, onlyIfAbsent: true)
        set(PropertyName.originMessageId, messageID, onlyIfAbsent: true)
        set(PropertyName.dlqOriginTopic, topic)
        set(PropertyName.dlqOriginMessageId, uniqueKey ?? messageID)
        set(PropertyName.waitStored, "false")
        // A copy must not be delayed or handed back by a timer.
        pairs.removeAll {
            PropertyName.delays.contains($0.name) || $0.name == PropertyName.popCheckpoint
                || $0.name == PropertyName.innerMultiDispatch || $0.name == PropertyName.innerMultiQueueOffset
        }
        return PropertyText.encode(pairs)
    }
}
