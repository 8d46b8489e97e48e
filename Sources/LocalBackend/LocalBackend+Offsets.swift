import BrokerServer
import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer

/// Reading by offset, and the offsets themselves, at the broker in this process.
extension LocalBackend {
    /// Reads a queue; what waits is woken by the broker on this loop.
    package func pull(
        _ request: ProxyServer.PullRequest, completion: @escaping (Result<ProxyServer.PullAnswer, ProxyError>) -> Void
    ) {
        var pull = BrokerServer.PullRequest(
            group: request.group, topic: request.queue.topic, queueID: request.queue.queueId, offset: request.offset)
        pull.maxCount = request.countMax
        pull.suspendMillis = request.pollMillis
        pull.subscription = .inline(type: request.isSQL ? "SQL92" : "TAG", expression: request.expression)
        pull.eventLoop = eventLoop
        let offset = request.offset
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        broker.pulls.pull(pull) { [eventLoop] answer in
            Self.onLoop(eventLoop) { bound.value(Self.pulled(answer, offset: offset)) }
        }
    }

    private static func pulled(
        _ answer: BrokerServer.PullAnswer, offset: Int64
    ) -> Result<ProxyServer.PullAnswer, ProxyError> {
        let next = answer.position?.nextOffset ?? offset
        switch answer.code {
        case .success:
            let body = answer.body ?? ByteBuffer()
            guard let messages = body.withUnsafeReadableBytes(ProxyServer.PoppedMessage.readAll) else {
                return .failure(ProxyError(.internalServerError, "the store holds malformed records"))
            }
            return .success(.init(outcome: .found, bytes: body, messages: messages, nextOffset: next))
        case .pullNotFound, .pullRetryImmediately: return .success(.init(outcome: .empty, nextOffset: next))
        case .pullOffsetMoved: return .success(.init(outcome: .offsetOutOfRange, nextOffset: next))
        default: return .failure(error(ServiceError(code: answer.code, message: answer.remark)))
        }
    }

    /// Sets a group's position.
    package func updateOffset(
        _ queue: QueueReference, group: String, offset: Int64, completion: @escaping (ProxyError?) -> Void
    ) {
        guard broker.groups.groupOrCreate(group) != nil else {
            return completion(ProxyError(.consumerGroupNotFound, "group \(group) does not exist"))
        }
        if let error = check(queue) { return completion(error) }
        broker.delivery.commitOffset(group: group, topic: queue.topic, queueID: queue.queueId, offset: offset)
        completion(nil)
    }

    /// A group's position.
    package func committedOffset(
        _ queue: QueueReference, group: String, completion: @escaping (Result<Int64?, ProxyError>) -> Void
    ) {
        if let error = check(queue) { return completion(.failure(error)) }
        completion(
            .success(broker.delivery.offsets.offset(group: group, topic: queue.topic, queueID: queue.queueId)))
    }

    /// A place in a queue. The search by time reads the log: it is done on the calling loop, for it touches few pages.
    package func queueOffset(
        _ queue: QueueReference, at place: QueuePlace, completion: @escaping (Result<Int64, ProxyError>) -> Void
    ) {
        if let error = check(queue) { return completion(.failure(error)) }
        let store = broker.store
        switch place {
        case .beginning: completion(.success(store.minOffset(topic: queue.topic, queueId: queue.queueId)))
        case .end: completion(.success(store.maxOffset(topic: queue.topic, queueId: queue.queueId)))
        case .atOrAfter(let millis):
            completion(
                .success(store.offset(topic: queue.topic, queueId: queue.queueId, timestampMillis: millis)))
        }
    }

    private func check(_ queue: QueueReference) -> ProxyError? {
        guard let topic = broker.topics.topic(queue.topic) else {
            return ProxyError(.topicNotFound, "topic \(queue.topic) does not exist")
        }
        guard queue.queueId < topic.queueCount else {
            return ProxyError(.badRequest, "topic \(queue.topic) has no queue \(queue.queueId)")
        }
        return nil
    }

    /// Each on its own: nothing is saved by doing them together here. The first failure is the answer.
    package func acknowledgeAll(_ requests: [ReceiptRequest], completion: @escaping (ProxyError?) -> Void) {
        var failure: ProxyError?
        for request in requests { acknowledge(request) { failure = failure ?? $0 } }
        completion(failure)
    }
}
