import BrokerServer
import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer

/// Reading by offset, and the offsets themselves, at the broker in this process.
extension LocalBackend {
    /// Not served here yet.
    package func pull(
        _ request: ProxyServer.PullRequest, completion: @escaping (Result<ProxyServer.PullAnswer, ProxyError>) -> Void
    ) {
        completion(.failure(ProxyError(.notImplemented, "pulling is not served in local mode")))
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
