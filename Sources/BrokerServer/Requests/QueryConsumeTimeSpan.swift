import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_CONSUME_TIME_SPAN (303): of what age the messages in each queue are, and those that a group comes to next.
    func queryConsumeTimeSpan(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(QueryConsumeTimeSpanRequestHeader.self)
        guard let topic = broker.topics.topic(header.topic) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(header.topic)] not exist")
        }
        try onWorker(request, connection) { [broker] in
            let stats = broker.consumeStats(of: header.group, on: [topic])
            let now = broker.nowMillis()
            let spans = (0..<topic.readQueueCount).map { queueID -> QueueTimeSpan in
                let queue = MessageQueue(
                    topic: topic.name, brokerName: broker.configuration.brokerName, queueId: queueID)
                func stored(_ offset: Int64) -> Int64 {
                    broker.storeTimestampMillis(topic: topic.name, queueID: queueID, offset: offset)
                }
                let first = broker.store.minOffset(topic: topic.name, queueId: queueID)
                let end = broker.store.maxOffset(topic: topic.name, queueId: queueID)
                let consumed = max(first, stats.offsets[queue]?.consumerOffset ?? 0)
                // -1 is Apache's word for a queue without messages.
                let oldest = end > first ? stored(first) : -1
                let next = consumed < end ? stored(consumed) : 0
                return QueueTimeSpan(
                    queue: queue, minMillis: oldest, maxMillis: end > first ? stored(end - 1) : -1,
                    consumedMillis: consumed > first ? stored(consumed - 1) : oldest,
                    delayMillis: next > 0 ? max(0, now - next) : 0)
            }
            connection.respond(to: request, code: .success, body: ConsumeTimeSpans(spans).encode())
        }
    }
}
