import MessageModel

extension DeliveryService {
    /// Forgets all groups' state on light queues that were deleted, and waits for the journal as ``topicDeleted(_:)``
    /// does.
    func lightQueuesDeleted(_ queues: [String]) {
        guard !queues.isEmpty else { return }
        forget(
            queues.flatMap { table.subscriptions(topic: $0) },
            error: ServiceError(code: .topicNotExist, message: "the lite topic is deleted"))
        offsets.remove(topics: Set(queues))
        journal.persistDeletion()
    }
}
