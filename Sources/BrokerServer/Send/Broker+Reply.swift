import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

extension Broker {
    /// How long the client that asked may take to say that it has the reply (Apache's Broker2Client).
    private static var pushMillisMax: Int64 { 10_000 }

    /// Passes a reply on to the client that its property REPLY_TO_CLIENT names, then stores it where that is on.
    func passReply(_ reply: Reply, completion: @escaping @Sendable (ReplyOutcome) -> Void) {
        let message = reply.message
        do throws(ServiceError) {
            try checkReply(message)
        } catch {
            return completion(.refused(error))
        }
        if let topic = topics.topic(message.topic) { return push(reply, to: topic, completion) }
        topics.createOnSend(
            TopicRegistry.CreationRequest(
                topic: message.topic, defaultTopic: message.defaultTopic,
                defaultTopicQueueCount: message.defaultTopicQueueCount, isUnitMode: message.isUnitMode)
        ) { [self] created in
            switch created {
            case .success(let topic): push(reply, to: topic, completion)
            case .failure(let error): completion(.refused(error))
            }
        }
    }

    private func checkReply(_ message: SendRequest) throws(ServiceError) {
        do {
            try NameRules.checkTopic(message.topic)
        } catch {
            throw ServiceError(code: .invalidParameter, message: error.message)
        }
        guard !NameRules.isClosedToSend(message.topic), message.topic != LedgerJournal.topic else {
            throw ServiceError(code: .noPermission, message: "Sending message to topic[\(message.topic)] is forbidden.")
        }
        guard message.body.readableBytes <= configuration.messageBytesMax else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the reply has \(message.body.readableBytes) bytes, over the maximum of "
                    + "\(configuration.messageBytesMax)")
        }
    }

    private func push(
        _ reply: Reply, to topic: TopicConfig, _ completion: @escaping @Sendable (ReplyOutcome) -> Void
    ) {
        var message = reply.message
        guard message.queueID < topic.queueCount else {
            return completion(
                .refused(
                    ServiceError(
                        code: .invalidParameter,
                        message: "request queueId[\(message.queueID)] is illegal, topic:[\(topic.name)]")))
        }
        if message.queueID < 0 { message.queueID = 0 }
        let properties = replyProperties(message.properties)
        let passing = ReplyPassing(message: message, properties: properties)
        let text = String(buffer: properties)
        let target = PropertyText.dictionary(text)[PropertyName.replyToClient]
        guard let target, let connection = clients.producer(clientID: target) else {
            let words =
                target.map { "push reply message fail, channel of <\($0)> not found." }
                ?? "REPLY_TO_CLIENT is null, can not reply message"
            return store(passing, failure: ServiceError(code: .systemError, message: words), completion)
        }
        let now = nowMillis()
        let header = PushReplyMessageRequestHeader(
            producerGroup: reply.producerGroup, topic: message.topic, defaultTopic: message.defaultTopic,
            defaultTopicQueueCount: message.defaultTopicQueueCount, queueId: message.queueID,
            sysFlag: message.sysFlag.rawValue, bornTimestampMillis: message.bornTimestampMillis, flag: message.flag,
            properties: "\(PropertyName.pushReplyTime)\u{1}\(now)\u{2}\(text)", reconsumeTimes: message.reconsumeTimes,
            unitMode: message.isUnitMode, bornHost: reply.bornHost, storeHost: configuration.advertisedAddress,
            storeTimestampMillis: now)
        connection.call(
            code: .pushReplyMessageToClient, header: header, body: message.body, timeoutMillis: Self.pushMillisMax
        ) { [self] result in
            store(passing, failure: Self.failure(of: result, target), completion)
        }
    }

    private static func failure(
        of result: Result<RemotingCommand, RemotingError>, _ target: String
    ) -> ServiceError? {
        switch result {
        case .success(let answer) where answer.code == ResponseCode.success.rawValue: nil
        case .success(let answer):
            ServiceError(
                code: .systemError,
                message: "push reply message to \(target) fail, it answered \(answer.code): \(answer.remark ?? "")")
        case .failure(let error):
            ServiceError(code: .systemError, message: "push reply message to \(target) fail: \(error.message)")
        }
    }

    /// The replier's properties with the broker's region and trace behind; Apache's broker leaves CLUSTER out here.
    private func replyProperties(_ source: ByteBuffer?) -> ByteBuffer {
        let found = source.map { $0.withUnsafeReadableBytes { SendProperties(scanning: $0) } } ?? SendProperties()
        let suffix = ByteBuffer(
            string: "\(PropertyName.region)\u{1}\(configuration.regionID)\u{2}"
                + "\(PropertyName.traceOn)\u{1}\(configuration.isTraceOn ? "true" : "false")")
        return found.stored(from: source, suffix: suffix, newUniqueKey: nil)
    }

    /// Stores a reply after it was passed on, or could not be; that it could not be stored is only logged, as with
    /// Apache's broker.
    private func store(
        _ passing: ReplyPassing, failure: ServiceError?, _ completion: @escaping @Sendable (ReplyOutcome) -> Void
    ) {
        guard configuration.storeReplyMessageEnable else {
            return completion(failure.map { .refused($0) } ?? .passed(nil))
        }
        let message = passing.message
        let stored = self.message(message, flag: message.flag, body: message.body, properties: passing.properties)
        store.append(stored) { [self] outcome in
            var place: SendReceipt?
            switch outcome {
            case .stored(let receipt):
                statistics.countStored(1, bytes: message.body.readableBytes)
                place = SendReceipt(
                    queueID: message.queueID, queueOffset: receipt.queueOffset, logOffsets: .one(receipt.logOffset),
                    uniqueKey: nil, storeHost: storeHost, storeTimestampMillis: receipt.storeTimestampMillis)
            case .failed(let error):
                statistics.countRefused()
                logger.error("a reply was not stored", metadata: ["error": "\(error)"])
            }
            completion(failure.map { .refused($0) } ?? .passed(place))
        }
    }
}

/// A reply with its properties as they are stored.
private struct ReplyPassing: Sendable {
    var message: SendRequest
    var properties: ByteBuffer
}
