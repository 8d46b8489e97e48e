import MessageModel
import NIOCore
import StorageEngine

extension Broker {
    /// Takes a delayed message back, named by the handle that its send was answered with; the completion gets the id of
    /// the message. Any later call for the same message changes nothing.
    package func recall(
        topic: String, handle text: String, producerGroup: String?,
        completion: @escaping @Sendable (Result<String, ServiceError>) -> Void
    ) {
        do throws(ServiceError) {
            let handle = try checkedRecall(topic: topic, handle: text)
            let messageID = handle.messageID
            store.append(try recallOrder(handle, producerGroup: producerGroup)) { outcome in
                switch outcome {
                case .stored: completion(.success(messageID))
                case .failed(let error) where error.code == .flushTimeout: completion(.success(messageID))
                case .failed(let error):
                    completion(
                        .failure(
                            ServiceError(code: .systemError, message: "the recall is not stored: \(error.message)")))
                }
            }
        } catch {
            completion(.failure(error))
        }
    }

    /// The checks in Apache's order (consume.md 11).
    private func checkedRecall(topic: String, handle text: String) throws(ServiceError) -> RecallHandle {
        guard configuration.delay.isRecallEnabled else {
            throw ServiceError(code: .noPermission, message: "recall failed, operation is forbidden")
        }
        if configuration.startAcceptSendMillis > 0, nowMillis() < configuration.startAcceptSendMillis {
            throw ServiceError(code: .serviceNotAvailable, message: "recall failed, broker service not available")
        }
        guard topics.topic(topic) != nil else {
            throw ServiceError(code: .topicNotExist, message: "recall failed, the topic[\(topic)] not exist")
        }
        guard let handle = RecallHandle(text: text), PropertyText.isCarriable(handle.messageID) else {
            throw ServiceError(code: .illegalOperation, message: "recall handle is invalid")
        }
        guard handle.topic == topic else {
            throw ServiceError(code: .illegalOperation, message: "recall failed, topic not match")
        }
        guard handle.brokerName == configuration.brokerName else {
            throw ServiceError(code: .illegalOperation, message: "recall failed, broker service not available")
        }
        let rest = handle.deliverMillis.subtractingReportingOverflow(nowMillis())
        guard !rest.overflow, rest.partialValue > 0, rest.partialValue < configuration.delay.timerDelayMillisMax else {
            throw ServiceError(code: .illegalOperation, message: "recall failed, timestamp invalid")
        }
        return handle
    }

    /// The message that takes the other one back when their slot comes.
    private func recallOrder(
        _ handle: RecallHandle, producerGroup: String?
    ) throws(ServiceError) -> StoreMessage {
        var pairs = [
            (name: PropertyName.tags, value: "_RECALL_TAG_"), (name: PropertyName.uniqueKey, value: handle.messageID),
            (name: PropertyName.timerDeliverMillis, value: String(handle.deliverMillis)),
            (
                name: PropertyName.timerDeleteUniqueKey,
                value: TimerRecord.key(topic: handle.topic, uniqueKey: handle.messageID)
            ),
        ]
        if let producerGroup, !producerGroup.isEmpty, PropertyText.isCarriable(producerGroup) {
            pairs.append((name: PropertyName.producerGroup, value: producerGroup))
        }
        let order = StoreMessage(
            topic: handle.topic, queueId: 0, bornTimestampMillis: nowMillis(), bornHost: storeHost,
            storeHost: storeHost, properties: ByteBuffer(string: String(PropertyText.encode(pairs).dropLast())),
            body: ByteBuffer(string: "0"))
        return try scheduled(order).message
    }
}
