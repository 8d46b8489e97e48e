import DeliveryEngine
import MessageModel

/// Acknowledging messages of lite topics, and changing when they come again. The requests name the light queue as their
/// topic, and queue 0.
extension LiteService {
    /// The request about a message of a lite topic, when the group may make it.
    package func receipt(
        group: String, topic: String, liteTopic: String, queueID: Int32, offset: Int64, popMillis: Int64
    ) throws(ServiceError) -> AckRequest {
        _ = try boundGroup(group, topic: topic)
        guard LiteTopicName.isValid(liteTopic), queueID == LiteTopicName.queueID else {
            throw ServiceError(
                code: .invalidParameter, message: "queue \(queueID) of the lite topic \(liteTopic) does not exist")
        }
        var request = AckRequest(
            group: group, topic: LiteTopicName(parent: topic, lite: liteTopic).queueName, queueID: queueID,
            offset: offset, popMillis: popMillis, isOrdered: true)
        request.parentTopic = topic
        return request
    }

    /// Marks a message as done.
    package func ack(_ request: AckRequest) throws(ServiceError) {
        try delivery.ack(request)
        // The one that kept the others waiting longest may have been this one.
        look(at: SubscriptionKey(group: request.group, topic: request.topic))
    }

    /// Changes when a message comes again, from now on. `isSuspended`: nothing of the lite topic comes before that, and
    /// the delivery does not count as an attempt.
    package func changeInvisible(
        _ request: AckRequest, invisibleMillis: Int64, isSuspended: Bool
    ) throws(ServiceError) -> ChangedHandle {
        defer { look(at: SubscriptionKey(group: request.group, topic: request.topic)) }
        guard isSuspended else {
            return try delivery.changeInvisible(
                request, handleReviveQueueID: ReceiptHandle.orderedReviveQueueId, invisibleMillis: invisibleMillis)
        }
        try DeliveryService.checkInvisible(invisibleMillis)
        let visibleAtMillis = nowMillis + invisibleMillis
        let subscription = delivery.table.find(SubscriptionKey(group: request.group, topic: request.topic))
        var mustList = false
        let isChanged = subscription?.withState { state -> Bool in
            guard !state.isRemoved,
                state.queue(0)?.isOfLostMessage(
                    offset: request.offset, popMillis: request.popMillis,
                    storedMillis: { delivery.storedMillis(request.topic, request.queueID, $0) }) == false,
                let change = state.queues[0]?.ledger.suspendLite(
                    offset: request.offset, popMillis: request.popMillis, visibleAtMillis: visibleAtMillis)
            else { return false }
            state.record(.ordered(change), queueID: 0)
            mustList = state.mustList()
            return true
        }
        if mustList, let subscription { delivery.journal.list(subscription) }
        guard isChanged == true else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the receipt handle is of no delivery in progress, key:\(request.topic), "
                    + "offset:\(request.offset)")
        }
        return ChangedHandle(
            popMillis: request.popMillis, invisibleMillis: visibleAtMillis - request.popMillis,
            reviveQueueID: ReceiptHandle.orderedReviveQueueId)
    }

    /// Moves a message that a consumer gives up to the group's dead-letter queue.
    package func deadLetter(_ request: AckRequest, completion: @escaping @Sendable (ServiceError?) -> Void) {
        delivery.deadLetter(request) { [weak self] error in
            self?.look(at: SubscriptionKey(group: request.group, topic: request.topic))
            completion(error)
        }
    }
}
