import DeliveryEngine
import MessageModel

extension DeliveryService {
    /// Forgets all groups' state on light queues that were deleted, and waits for the journal as ``topicDeleted(_:)``
    /// does; returns whose state that was.
    func lightQueuesDeleted(_ queues: [String]) -> [SubscriptionKey] {
        guard !queues.isEmpty else { return [] }
        let subscriptions = queues.flatMap { table.subscriptions(topic: $0) }
        forget(subscriptions, error: ServiceError(code: .topicNotExist, message: "the lite topic is deleted"))
        offsets.remove(topics: Set(queues))
        journal.persistDeletion()
        return subscriptions.map(\.key)
    }
}
