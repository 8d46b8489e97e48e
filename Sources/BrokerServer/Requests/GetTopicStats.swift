import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_TOPIC_STATS_INFO (202): bounds of each queue and the time of its last message.
    func getTopicStats(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let name = try request.header(GetTopicStatsRequestHeader.self).topic
        guard let topic = broker.topics.topic(name) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(name)] not exist")
        }
        try onWorker(request, connection) { [broker] in
            var stats = TopicStats()
            stats.putTps = broker.statistics.perSecond(.topicPut(name), nowMillis: broker.nowMillis())
            for queueID in 0..<topic.queueCount {
                let first = max(0, broker.store.minOffset(topic: name, queueId: queueID))
                let end = max(0, broker.store.maxOffset(topic: name, queueId: queueID))
                let queue = MessageQueue(
                    topic: name, brokerName: broker.configuration.brokerName, queueId: queueID)
                stats.offsets[queue] = TopicOffset(
                    minOffset: first, maxOffset: end,
                    lastUpdateTimestampMillis: end > first
                        ? broker.storeTimestampMillis(topic: name, queueID: queueID, offset: end - 1) : 0)
            }
            connection.respond(to: request, code: .success, body: stats.encode())
        }
    }
}
