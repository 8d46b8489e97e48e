import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_CONSUME_STATS (208): how far a group is behind, by queue.
    func getConsumeStats(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetConsumeStatsRequestHeader.self)
        try onWorker(request, connection) { [broker] in
            let topics = broker.topics(of: header).compactMap { broker.topics.topic($0) }
            let stats = broker.consumeStats(of: header.consumerGroup, on: topics)
            connection.respond(to: request, code: .success, body: stats.encode())
        }
    }
}

extension Broker {
    /// The topics that a request is about: those it names, else those on which the group has progress.
    fileprivate func topics(of header: GetConsumeStatsRequestHeader) -> [String] {
        if let topic = header.topic, !topic.isEmpty { return [topic] }
        if let list = header.topicList, !list.isEmpty { return list.split(separator: ";").map(String.init) }
        let group = header.consumerGroup
        let subscribed = clients.ask { $0.consumers[group]?.subscriptions.keys.map { $0 } ?? [] }
        return Set(delivery.topics(group: group)).union(subscribed).sorted()
    }

    /// How far a group is in the queues of topics, and how many messages it gets in a second.
    ///
    /// For a group that pops, what was handed out and not acknowledged yet lies between the consumed and the pulled
    /// offset.
    func consumeStats(of group: String, on topics: [TopicConfig]) -> ConsumeStats {
        var stats = ConsumeStats()
        let now = nowMillis()
        for topic in topics {
            stats.consumeTps += statistics.perSecond(
                .groupGet(topic: topic.name, group: group), nowMillis: now)
            addProgress(of: group, on: topic, to: &stats)
        }
        return stats
    }

    private func addProgress(of group: String, on topic: TopicConfig, to stats: inout ConsumeStats) {
        let committed = delivery.offsets.offsets(group: group, topic: topic.name)
        for queueID in 0..<topic.queueCount {
            let end = max(0, store.maxOffset(topic: topic.name, queueId: queueID))
            let progress = delivery.progress(group: group, topic: topic.name, queueID: queueID)
            let consumed = max(0, progress?.lowWater ?? committed[queueID] ?? 0)
            let handedOut = max(consumed, progress?.next ?? consumed)
            let queue = MessageQueue(
                topic: topic.name, brokerName: configuration.brokerName, queueId: queueID)
            stats.offsets[queue] = OffsetWrapper(
                brokerOffset: end, consumerOffset: consumed, pullOffset: handedOut,
                lastTimestampMillis: consumed > 0
                    ? storeTimestampMillis(topic: topic.name, queueID: queueID, offset: consumed - 1) : 0)
        }
    }
}
