import MessageModel

extension MessageStore {
    /// The light queues that there are.
    package var lightQueues: [String] { queues.topicNames.filter { LiteTopicName(queueName: $0) != nil } }

    /// Removes light queues, those that got a message at or behind the given end excepted; their records stay in the log
    /// until they are old. Answers the removed ones. Waits for the disk, as ``deleteTopic(_:)`` does.
    package func deleteLightQueues(_ ends: [(name: String, end: Int64)]) throws(StoreError) -> [String] {
        try queues.delete {
            // Under the append lock: what was appended to the old queues lies before the end, what comes later behind it.
            log.state.withLock { state in
                var removed: [String] = []
                for (name, end) in ends where LiteTopicName(queueName: name) != nil {
                    guard let queue = queues.find(topic: name, queueId: LiteTopicName.queueID), queue.nextOffset == end
                    else { continue }
                    queues.detach(topic: name)
                    removed.append(name)
                }
                return (removed, state.writeOffset)
            }
        }
    }
}
