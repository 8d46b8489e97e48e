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

    /// Adds a queue from its bounds and what the group has done of it; `stored` tells when a message was stored.
    mutating func add(
        bounds: (min: Int64, max: Int64), committed: Int64?, progress: PopProgress?, stored: (Int64) -> Int64?
    ) {
        let next = max(bounds.min, progress?.next ?? committed ?? 0)
        let first = progress.map { max(bounds.min, $0.lowWater) } ?? next
        let behind = max(0, bounds.max - next)
        waiting += behind + Int64(progress?.deferred ?? 0)
        unconsumed += behind + Int64(progress.map { $0.inFlight + $0.deferred } ?? 0)
        if let progress { inFlight = (inFlight ?? 0) + Int64(progress.inFlight) }
        let firstMillis = first < bounds.max ? stored(first) : nil
        let nextMillis = next == first ? firstMillis : next < bounds.max ? stored(next) : nil
        oldestUnconsumedMillis = Self.older(oldestUnconsumedMillis, firstMillis)
        oldestWaitingMillis = Self.older(oldestWaitingMillis, nextMillis)
    }

    private static func older(_ left: Int64?, _ right: Int64?) -> Int64? {
        guard let left, let right else { return left ?? right }
        return min(left, right)
    }
}

extension Broker {
    /// How far every group is behind on every topic that it has progress on or is subscribed to. Reads the store times
    /// of messages: it may wait for the disk. What a group does with lite topics is told of their parent.
    func groupLags() -> [GroupLag] {
        var topicsByGroup = delivery.topicsByGroup
        let subscribed = clients.ask { table in table.consumers.mapValues { Array($0.subscriptions.keys) } }
        for (group, topics) in subscribed { topicsByGroup[group, default: []].formUnion(topics) }
        let known = topics.snapshot.topics
        var lags: [GroupLag] = []
        // Copied once for all groups of a parent: there may be very many.
        var queuesByParent: [String: [String]] = [:]
        for (group, names) in topicsByGroup {
            let parent = groups.group(group)?.liteBindTopic
            for name in names where name != parent {
                guard let topic = known[name] else { continue }
                lags.append(lag(of: group, on: topic))
            }
            guard let parent, known[parent] != nil,
                let queues = queuesByParent[parent] ?? lite.measuredQueues(parent: parent)
            else { continue }
            queuesByParent[parent] = queues
            lags.append(lite.lag(of: group, parent: parent, queues: queues))
        }
        return lags
    }

    private func lag(of group: String, on topic: TopicConfig) -> GroupLag {
        var lag = GroupLag(group: group, topic: topic.name)
        let committed = delivery.offsets.offsets(group: group, topic: topic.name)
        for queueID in 0..<topic.queueCount {
            lag.add(
                bounds: (
                    store.minOffset(topic: topic.name, queueId: queueID),
                    store.maxOffset(topic: topic.name, queueId: queueID)
                ), committed: committed[queueID],
                progress: delivery.progress(group: group, topic: topic.name, queueID: queueID),
                stored: { store.storeTimestamp(topic: topic.name, queueId: queueID, queueOffset: $0) })
        }
        return lag
    }
}
