import MessageModel

/// How far a group is behind on a topic, over all its queues.
struct GroupLag: Sendable {
    var group: String
    var topic: String
    /// Messages that are not acknowledged, handed out or not.
    var unconsumed: Int64 = 0
    /// Messages that were never handed out; for a group that pulls, those that it has not committed.
    var waiting: Int64 = 0
    /// Messages that were handed out and not acknowledged; nil for a group that pulls, as only its clients know.
    var inFlight: Int64?
    /// When the oldest message that is not acknowledged was stored, and the oldest that was never handed out;
    /// milliseconds since 1970, nil when there is none.
    var oldestUnconsumedMillis: Int64?
    var oldestWaitingMillis: Int64?
}

extension Broker {
    /// How far every group is behind on every topic that it has progress on or is subscribed to. Reads the store times
    /// of messages: it may wait for the disk.
    func groupLags() -> [GroupLag] {
        var topicsByGroup = delivery.topicsByGroup
        let subscribed = clients.ask { table in table.consumers.mapValues { Array($0.subscriptions.keys) } }
        for (group, topics) in subscribed { topicsByGroup[group, default: []].formUnion(topics) }
        let known = topics.snapshot.topics
        var lags: [GroupLag] = []
        for (group, names) in topicsByGroup {
            for name in names {
                guard let topic = known[name] else { continue }
                lags.append(lag(of: group, on: topic))
            }
        }
        return lags
    }

    private func lag(of group: String, on topic: TopicConfig) -> GroupLag {
        var lag = GroupLag(group: group, topic: topic.name)
        let committed = delivery.offsets.offsets(group: group, topic: topic.name)
        func stored(_ queueID: Int32, _ offset: Int64) -> Int64? {
            store.storeTimestamp(topic: topic.name, queueId: queueID, queueOffset: offset)
        }
        func older(_ left: Int64?, _ right: Int64?) -> Int64? {
            guard let left, let right else { return left ?? right }
            return min(left, right)
        }
        for queueID in 0..<topic.queueCount {
            let start = store.minOffset(topic: topic.name, queueId: queueID)
            let end = store.maxOffset(topic: topic.name, queueId: queueID)
            let progress = delivery.progress(group: group, topic: topic.name, queueID: queueID)
            let next = max(start, progress?.next ?? committed[queueID] ?? 0)
            let first = progress.map { max(start, $0.lowWater) } ?? next
            let waiting = max(0, end - next)
            lag.waiting += waiting + Int64(progress?.deferred ?? 0)
            lag.unconsumed += waiting + Int64(progress.map { $0.inFlight + $0.deferred } ?? 0)
            if let progress { lag.inFlight = (lag.inFlight ?? 0) + Int64(progress.inFlight) }
            let firstMillis = first < end ? stored(queueID, first) : nil
            let nextMillis = next == first ? firstMillis : next < end ? stored(queueID, next) : nil
            lag.oldestUnconsumedMillis = older(lag.oldestUnconsumedMillis, firstMillis)
            lag.oldestWaitingMillis = older(lag.oldestWaitingMillis, nextMillis)
        }
        return lag
    }
}
