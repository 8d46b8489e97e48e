import MessageModel

extension MessageStore {
    /// The light queues that there are.
    package var lightQueues: [String] { queues.topicNames.filter { LiteTopicName(queueName: $0) != nil } }

    /// Removes light queues, those that got a message at or behind the given end excepted; their records stay in the log
    /// until they are old. Answers the removed ones. Waits for the disk, as ``deleteTopic(_:)`` does.
    package func deleteLightQueues(_ ends: [(name: String, end: Int64)]) throws(StoreError) -> [String] {
        try queues.deleting { () throws(StoreError) in
            let (removed, logEnd) = detachLightQueues(ends)
            guard !removed.isEmpty else { return [] }
            try queues.tombstones.add(topics: removed, end: logEnd)
            for name in removed { try queues.removeFiles(topic: name) }
            return removed
        }
    }

    /// Under the append lock: what was appended to the old queues lies before `logEnd`, what comes later behind it.
    private func detachLightQueues(_ ends: [(name: String, end: Int64)]) -> (removed: [String], logEnd: Int64) {
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
