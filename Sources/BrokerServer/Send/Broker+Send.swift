import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

extension Broker {
    /// Stores a message or a batch; the completion runs exactly once, before `send` returns when nothing has to wait.
    package func send(_ request: SendRequest, completion: @escaping @Sendable (SendOutcome) -> Void) {
        let topic = topics.sendTopic(request.topic)
        do throws(ServiceError) {
            try checkSend(request, to: topic)
        } catch {
            return completion(.refused(error))
        }
        if let topic { return send(request, to: topic, completion: completion) }
        topics.createOnSend(
            TopicRegistry.CreationRequest(
                topic: request.topic, defaultTopic: request.defaultTopic,
                defaultTopicQueueCount: request.defaultTopicQueueCount, isUnitMode: request.isUnitMode)
        ) { [self] created in
            switch created {
            case .success(let topic): send(request, to: SendTopic(topic), completion: completion)
            case .failure(let error): completion(.refused(error))
            }
        }
    }

    /// The checks that need no topic, in Apache's order. A known topic has a good name.
    private func checkSend(_ request: SendRequest, to topic: SendTopic?) throws(ServiceError) {
        let startMillis = live.startAcceptSendMillis
        if startMillis > 0, nowMillis() < startMillis {
            throw ServiceError(code: .systemError, message: "broker unable to service, until \(startMillis)")
        }
        if topic == nil {
            do {
                try NameRules.checkTopic(request.topic)
            } catch {
                throw ServiceError(code: .invalidParameter, message: error.message)
            }
        }
        if topic?.isClosed ?? SendTopic.isClosed(request.topic) {
            throw ServiceError(code: .noPermission, message: "Sending message to topic[\(request.topic)] is forbidden.")
        }
        guard request.body.readableBytes > 0 else {
            throw ServiceError(code: .messageIllegal, message: "the message body is empty")
        }
        guard request.body.readableBytes <= configuration.messageBytesMax else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the message body has \(request.body.readableBytes) bytes, over the maximum of "
                    + "\(configuration.messageBytesMax)")
        }
        let kind = request.sysFlag.transactionKind
        guard kind == .none || (kind == .prepared && !request.isBatch) else {
            throw ServiceError(code: .messageIllegal, message: "no message is sent with the transaction state \(kind)")
        }
    }

    private func send(
        _ request: consuming SendRequest, to topic: SendTopic, completion: @escaping @Sendable (SendOutcome) -> Void
    ) {
        do throws(ServiceError) {
            if topic.isOrdered, !live.permission.contains(.write) {
                throw ServiceError(
                    code: .noPermission, message: "the broker[\(configuration.brokerIP1)] sending message is forbidden")
            }
            guard request.queueID < topic.queueCount else {
                throw ServiceError(
                    code: .invalidParameter,
                    message: "request queueId[\(request.queueID)] is illegal, topic:[\(request.topic)] "
                        + "writeQueueNums:[\(topic.writeQueueCount)]")
            }
            if request.queueID < 0 { request.queueID = try pickQueue(of: topic, named: request.topic) }
            let found = SendProperties(of: request.properties)
            if found.hasPriority, let properties = request.properties,
                let queueID = PriorityQueues.queueID(properties: properties, writeQueueCount: topic.writeQueueCount)
            {
                request.queueID = queueID
            }
            if topic.isLite { return try storeLite(request, found, completion) }
            if request.isBatch { return try storeBatch(request, found, completion) }
            if topic.isRetry, !request.isCopy, try mustDeadLetter(request) {
                return storeDeadLetter(request, found, completion)
            }
            try store(request, found, completion)
        } catch {
            completion(.refused(error))
        }
    }

    private func pickQueue(of topic: SendTopic, named name: String) throws(ServiceError) -> Int32 {
        guard topic.writeQueueCount > 0 else {
            throw ServiceError(code: .noPermission, message: "topic[\(name)] has no queues to write to")
        }
        let (turn, _) = anyQueue.add(1, ordering: .relaxed)
        return Int32(turn % UInt32(topic.writeQueueCount))
    }

    // MARK: Single messages

    /// `found` is what the request's properties hold.
    func store(
        _ request: SendRequest, _ found: SendProperties, dropsDelay: Bool = false, lite: LiteTopicName? = nil,
        _ completion: @escaping @Sendable (SendOutcome) -> Void
    ) throws(ServiceError) {
        var properties = try finish(request, found, dropsDelay: dropsDelay)
        if let lite { try addDispatch(lite, to: &properties.text) }
        if properties.isHalf { return try storeHalf(request, properties.text, properties.uniqueKey, completion) }
        var message = message(request, flag: request.flag, body: request.body, properties: properties.text)
        message.lightQueue = lite?.queueName
        var recallHandle: String?
        if properties.isDelayed { (message, recallHandle) = try scheduled(message) }
        let answer = SendAnswerParts(
            queueID: request.queueID, uniqueKey: properties.uniqueKey, recallHandle: recallHandle,
            bodyBytes: request.body.readableBytes, start: .now())
        let placed: PlacedMessage
        do throws(StoreError) {
            placed = try store.append(message, isDurable: request.isCopy)
        } catch {
            return completion(refusal(error))
        }
        if placed.isDone, !waitsForReplicas { return completion(.stored(stored(placed.receipt, answer))) }
        store.complete(placed) { [self] in finish($0, answer, completion) }
    }

    /// Answers a send whose append ended so, when replicas have it too if they must.
    func finish(
        _ outcome: AppendOutcome, _ parts: SendAnswerParts, _ completion: @escaping @Sendable (SendOutcome) -> Void
    ) {
        switch outcome {
        case .failed(let error): completion(refusal(error))
        case .stored(let receipt) where waitsForReplicas:
            replication.wait(until: receipt.logOffset + Int64(receipt.size)) { [self] waited in
                if waited == .replicated { return completion(.stored(stored(receipt, parts))) }
                completion(.unconfirmed(stored(receipt, parts), ResponseMapping.answer(to: waited)))
            }
        case .stored(let receipt): completion(.stored(stored(receipt, parts)))
        }
    }

    private func stored(_ receipt: AppendReceipt, _ parts: SendAnswerParts) -> SendReceipt {
        statistics.countStored(
            Int(receipt.count), bytes: parts.bodyBytes, nanos: parts.start.map { (.now() - $0).nanoseconds })
        return SendReceipt(
            queueID: parts.queueID, queueOffset: receipt.queueOffset,
            logOffsets: receipt.logOffsets.isEmpty ? .one(receipt.logOffset) : .many(receipt.logOffsets),
            uniqueKey: parts.uniqueKey, storeHost: storeHost, storeTimestampMillis: receipt.storeTimestampMillis,
            recallHandle: parts.recallHandle)
    }

    private func refusal(_ error: StoreError) -> SendOutcome {
        statistics.countRefused()
        return .refused(ResponseMapping.answer(to: error))
    }

    func message(
        _ request: SendRequest, flag: Int32, body: ByteBuffer, properties: ByteBuffer
    ) -> StoreMessage {
        StoreMessage(
            topic: request.topic, queueId: request.queueID, flag: flag, sysFlag: request.sysFlag.withoutTransaction,
            bornTimestampMillis: request.bornTimestampMillis, bornHost: request.bornHost, storeHost: storeHost,
            reconsumeTimes: request.reconsumeTimes, properties: properties, body: body)
    }

    /// Checks property text and turns it into the stored form.
    private func finish(
        _ request: SendRequest, _ found: SendProperties, dropsDelay: Bool
    ) throws(ServiceError) -> (text: ByteBuffer, uniqueKey: ByteBuffer?, isHalf: Bool, isDelayed: Bool) {
        let source = request.properties
        let isHalf = try isHalf(request, found, isDeadLetter: dropsDelay)
        let isDelayed = found.isDelayed && !dropsDelay
        let newKey = found.uniqueKey == nil ? uniqueKeys.make(nowMillis: nowMillis()) : nil
        let text = found.stored(
            from: source, suffix: propertySuffix, newUniqueKey: newKey, dropsDelay: dropsDelay)
        guard text.readableBytes <= PropertyText.bytesMax else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the message properties have \(text.readableBytes) bytes, over the maximum of "
                    + "\(PropertyText.bytesMax)")
        }
        if let newKey { return (text, ByteBuffer(string: newKey), isHalf, isDelayed) }
        let key = found.uniqueKey.flatMap { range in
            source.flatMap { $0.getSlice(at: $0.readerIndex + range.lowerBound, length: range.count) }
        }
        return (text, key, isHalf, isDelayed)
    }

    /// For the messages of a batch.
    private func refuseUnsupported(_ found: SendProperties) throws(ServiceError) {
        if found.isTransactional {
            throw ServiceError(code: .messageIllegal, message: "a batch cannot hold transactional messages")
        }
    }

    // MARK: Batches

    private func storeBatch(
        _ request: SendRequest, _ outer: SendProperties, _ completion: @escaping @Sendable (SendOutcome) -> Void
    ) throws(ServiceError) {
        guard request.topic.utf8.count <= NameRules.topicLengthMax, !NameRules.isRetryTopic(request.topic) else {
            throw ServiceError(
                code: .messageIllegal, message: "batch messages cannot be sent to the topic \(request.topic)")
        }
        try refuseUnsupported(outer)
        let parts: [BatchMessage]
        do throws(RemotingCodecError) {
            parts = try BatchMessage.decode(request.body, countMax: Self.batchMessagesMax)
        } catch {
            throw ServiceError(code: .messageIllegal, message: error.message)
        }
        guard !parts.isEmpty else { throw ServiceError(code: .messageIllegal, message: "the batch is empty") }
        var messages: [StoreMessage] = []
        messages.reserveCapacity(parts.count)
        for part in parts {
            let found = part.properties.withUnsafeReadableBytes { SendProperties(scanning: $0) }
            try refuseUnsupported(found)
            guard !found.isDelayed else {
                throw ServiceError(code: .messageIllegal, message: "the messages of a batch cannot be delayed")
            }
            // Messages of a batch are stored with their properties as sent.
            messages.append(message(request, flag: part.flag, body: part.body, properties: part.properties))
        }
        let uniqueKey = outer.uniqueKey.flatMap { range in
            request.properties.flatMap { $0.getSlice(at: $0.readerIndex + range.lowerBound, length: range.count) }
        }
        let answer = SendAnswerParts(
            queueID: request.queueID, uniqueKey: uniqueKey, bodyBytes: request.body.readableBytes, start: .now())
        store.appendBatch(messages) { [self] in finish($0, answer, completion) }
    }

    /// Most messages in one batch; the body's size bounds it too.
    private static var batchMessagesMax: Int { 65_536 }

    // MARK: Retry topics

    /// Whether a message that a consumer sends to its retry topic has been tried often enough. A group that consumes in
    /// order tries on the spot and sends only what it gave up.
    private func mustDeadLetter(_ request: SendRequest) throws(ServiceError) -> Bool {
        let groupName = Self.group(ofRetryTopic: request.topic)
        guard let group = groups.groupOrCreate(groupName) else {
            throw ServiceError(
                code: .subscriptionGroupNotExist, message: "subscription group not exist, \(groupName)")
        }
        if request.reconsumeTimes > request.maxReconsumeTimes ?? group.retryMaxTimes { return true }
        let now = nowMillis()
        return queueLocks.withLockedValue { $0.isOrdered(group: groupName, nowMillis: now) }
    }

    private func storeDeadLetter(
        _ request: SendRequest, _ found: SendProperties, _ completion: @escaping @Sendable (SendOutcome) -> Void
    ) {
        var request = request
        request.topic = NameRules.dlqTopic(Self.group(ofRetryTopic: request.topic))
        request.queueID = 0
        let letter = request
        let topic = TopicConfig(name: letter.topic, readQueueCount: 1, writeQueueCount: 1)
        topics.createIfAbsent(topic) { [self] created in
            do throws(ServiceError) {
                if case .failure(let error) = created { throw error }
                try store(letter, found, dropsDelay: true, completion)
            } catch {
                completion(.refused(error))
            }
        }
    }

    /// What an answer says besides where the message lies.
    struct SendAnswerParts {
        var queueID: Int32
        var uniqueKey: ByteBuffer?
        var recallHandle: String?
        var bodyBytes: Int
        /// When the store got the message; nil when its latency is not counted.
        var start: NIODeadline?
    }

    /// `%RETRY%group` or, of a pop consumer, `%RETRY%group+topic`.
    static func group(ofRetryTopic topic: String) -> String {
        let rest = topic.dropFirst(NameRules.retryPrefix.count)
        return String(rest.prefix { $0 != "+" })
    }
}
