import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

/// A consumer's request to have a message again later.
package struct SendBackRequest: Sendable {
    /// The consumer group.
    package var group: String
    /// Where the message is in the commit log.
    package var logOffset: Int64
    /// Negative: to the dead-letter queue at once. 0: by the number of attempts so far. Else a delay level.
    package var delayLevel: Int32 = 0
    /// The most attempts after the first; nil takes the group's.
    package var maxReconsumeTimes: Int32?
    /// Whether the consumer works in units.
    package var isUnitMode = false

    /// A request with the usual values.
    package init(group: String, logOffset: Int64) {
        self.group = group
        self.logOffset = logOffset
    }
}

extension Broker {
    /// Puts a message that a consumer failed to process into the group's retry topic, to be delivered again later, or into
    /// its dead-letter topic when it had all its attempts (`consume.md` 8.1). The completion runs exactly once.
    package func sendBack(
        _ request: SendBackRequest, completion: @escaping @Sendable (Result<Void, ServiceError>) -> Void
    ) {
        do throws(ServiceError) {
            guard let group = groups.groupOrCreate(request.group) else {
                throw ServiceError(
                    code: .subscriptionGroupNotExist, message: "subscription group not exist, \(request.group)")
            }
            guard live.permission.contains(.write) else {
                throw ServiceError(
                    code: .noPermission,
                    message: "the broker[\(configuration.brokerIP1)] sending message is forbidden")
            }
            // A group without retry queues wants no retries.
            guard group.retryQueueCount > 0 else { return completion(.success(())) }
            var buffer = ByteBuffer()
            guard store.readRecord(logOffset: request.logOffset, into: &buffer),
                let message = try? MessageRecord(buffer)
            else {
                throw ServiceError(
                    code: .systemError, message: "look message by offset failed, \(request.logOffset)")
            }
            sendBack(message, request, group, completion)
        } catch {
            completion(.failure(error))
        }
    }

    private func sendBack(
        _ message: MessageRecord, _ request: SendBackRequest, _ group: SubscriptionGroupConfig,
        _ completion: @escaping @Sendable (Result<Void, ServiceError>) -> Void
    ) {
        let attemptsMax = max(0, request.maxReconsumeTimes ?? group.retryMaxTimes)
        let isDead = request.delayLevel < 0 || message.reconsumeTimes >= attemptsMax
        let queueCount = isDead ? 1 : group.retryQueueCount
        let topic = TopicConfig(
            name: isDead ? NameRules.dlqTopic(group.name) : NameRules.retryTopic(group.name),
            readQueueCount: queueCount, writeQueueCount: queueCount,
            sysFlag: request.isUnitMode && !isDead ? Self.unitSubscriptionFlag : 0)
        topics.createIfAbsent(topic) { [self] created in
            switch created {
            case .failure(let error): completion(.failure(error))
            case .success(let topic):
                guard topic.permission.contains(.write) else {
                    return completion(
                        .failure(
                            ServiceError(code: .noPermission, message: "the topic[\(topic.name)] is not writeable")))
                }
                let copy = copy(of: message, to: topic, isDead ? .deadLetter : delay(message, request, group))
                send(copy) { [self] outcome in
                    switch outcome {
                    case .stored:
                        let origin = message.property("RETRY_TOPIC") ?? message.topic
                        statistics.count(
                            .sendBack(topic: origin, group: group.name), messages: 1, nowMillis: nowMillis())
                        completion(.success(()))
                    case .unconfirmed(_, let error), .refused(let error): completion(.failure(error))
                    }
                }
            }
        }
    }

    private enum Destination {
        case deadLetter
        case level(Int32)
        case millis(Int64)
    }

    /// When the message comes again: by the level asked for, by the group's own policy, or by Apache's table.
    private func delay(
        _ message: MessageRecord, _ request: SendBackRequest, _ group: SubscriptionGroupConfig
    ) -> Destination {
        if request.delayLevel > 0 { return .level(request.delayLevel) }
        guard group.retryPolicy == .standard else {
            return .millis(group.retryPolicy.delayMillis(reconsumeTimes: message.reconsumeTimes))
        }
        return .level(Self.firstRetryLevel + message.reconsumeTimes)
    }

    /// The bit of a topic's flags that says that its subscribers work in units.
    private static var unitSubscriptionFlag: Int32 { 2 }

    /// Retries begin with the third level: 10 s by default.
    private static var firstRetryLevel: Int32 { 3 }

    private func copy(of message: MessageRecord, to topic: TopicConfig, _ destination: Destination) -> SendRequest {
        var properties = PropertyText.parse(String(buffer: message.properties))
        func set(_ name: String, _ value: String, onlyIfAbsent: Bool = false) {
            guard let index = properties.firstIndex(where: { $0.name == name }) else {
                return properties.append((name: name, value: value))
            }
            if !onlyIfAbsent { properties[index].value = value }
        }
        let messageID = OffsetMessageId(
            host: message.storeHost.address, port: message.storeHost.port, logOffset: message.logOffset
        ).text
        // What delayed the message before, or made it half of a transaction, is over.
        properties.removeAll {
            PropertyName.delays.contains($0.name) || PropertyName.timerTraces.contains($0.name)
                || $0.name == PropertyName.transactionPrepared
                || $0.name == PropertyName.realTopic || $0.name == PropertyName.realQueueId
        }
        set(PropertyName.retryTopic, message.topic, onlyIfAbsent: true)
        set(PropertyName.originMessageId, messageID, onlyIfAbsent: true)
        set(PropertyName.waitStored, "false")
        switch destination {
        case .deadLetter:
            set(PropertyName.dlqOriginTopic, message.property("RETRY_TOPIC") ?? message.topic)
            set(PropertyName.dlqOriginMessageId, message.property("UNIQ_KEY") ?? messageID)
        case .level(let level): set(PropertyName.delayLevel, String(level))
        case .millis(let millis): set(PropertyName.timerDelayMillis, String(millis))
        }
        var copy = SendRequest(
            topic: topic.name, bornTimestampMillis: message.bornTimestampMillis,
            bornHost: SocketHost(bytes: message.bornHost.address, port: message.bornHost.port), body: message.body)
        copy.queueID = Int32(anyQueue.add(1, ordering: .relaxed).newValue % UInt32(max(1, topic.writeQueueCount)))
        copy.flag = message.flag
        copy.sysFlag = message.sysFlag.with(MessageSysFlag.TransactionKind.none)
        copy.properties = ByteBuffer(string: PropertyText.encode(properties))
        copy.reconsumeTimes = message.reconsumeTimes + 1
        copy.isCopy = true
        return copy
    }
}
