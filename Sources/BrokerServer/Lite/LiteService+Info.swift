import DeliveryEngine
import MessageModel

/// What tools want to know of lite topics. The names of members are Apache's.
extension LiteService {
    /// Most lite topics in one answer.
    private static var listMax: Int { 10_000 }

    /// The parent topic of that name.
    func parent(_ name: String) throws(ServiceError) -> TopicConfig {
        guard let topic = dependencies.topic(name) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(name)] does not exist")
        }
        guard topic.messageType == .lite else {
            throw ServiceError(code: .invalidParameter, message: "topic[\(name)] is not of the type LITE")
        }
        return topic
    }

    private func existingGroup(_ name: String) throws(ServiceError) -> SubscriptionGroupConfig {
        guard let group = dependencies.group(name) else {
            throw ServiceError(code: .subscriptionGroupNotExist, message: "group [\(name)] does not exist")
        }
        guard group.liteBindTopic != nil else {
            throw ServiceError(code: .invalidParameter, message: "group [\(name)] is not bound to a LITE topic")
        }
        return group
    }

    /// Counts of the whole broker; `groups` are all groups.
    package func brokerInfo(groups: [SubscriptionGroupConfig]) -> JSONValue {
        let (parents, count, blocked, subscriptions, clients) = state.withLockedValue { state in
            (
                state.index.parents, state.index.count, state.blocked.count, state.subscriptions.count,
                state.subscriptions.clientCount
            )
        }
        var topicMeta: [String: Int64] = [:]
        for parent in parents.keys { topicMeta[parent] = dependencies.topic(parent)?.liteExpirationMinutes ?? -1 }
        var groupMeta: [String: [String]] = [:]
        for group in groups {
            guard let topic = group.liteBindTopic else { continue }
            groupMeta[topic, default: []].append(group.name)
            topicMeta[topic] = dependencies.topic(topic)?.liteExpirationMinutes ?? -1
        }
        return [
            "storeType": .string("default"), "maxLmqNum": .integer(Int64(limits.topicsMax)),
            "currentLmqNum": .integer(Int64(count)), "liteSubscriptionCount": .integer(Int64(subscriptions)),
            "orderInfoCount": .integer(Int64(blocked)), "cqTableSize": .integer(Int64(count)),
            "offsetTableSize": .integer(Int64(delivery.offsets.all.count)),
            "eventMapSize": .integer(Int64(clients)),
            "topicMeta": .object(JSONObject(sorted: topicMeta) { .integer($0) }),
            "groupMeta": .object(JSONObject(sorted: groupMeta) { .array($0.sorted().map { .string($0) }) }),
        ]
    }

    /// A parent topic; `groups` are all groups.
    package func parentInfo(_ name: String, groups: [SubscriptionGroupConfig]) throws(ServiceError) -> JSONValue {
        let topic = try parent(name)
        let (mine, all) = state.withLockedValue { ($0.index.count(parent: name), $0.index.count) }
        return [
            "topic": .string(name), "ttl": .integer(topic.liteExpirationMinutes),
            "groups": .array(groups.filter { $0.liteBindTopic == name }.map(\.name).sorted().map { .string($0) }),
            "lmqNum": .integer(Int64(all)), "liteTopicCount": .integer(Int64(mine)),
        ]
    }

    /// A lite topic.
    package func topicInfo(parent name: String, lite: String) throws(ServiceError) -> JSONValue {
        _ = try parent(name)
        let queue = LiteTopicName(parent: name, lite: lite).queueName
        let bounds = delivery.dependencies.store.bounds(topic: queue, queueID: 0)
        let (holders, storeMillis) = state.withLockedValue { state in
            (state.subscriptions.holders(of: queue), state.index.parents[name]?.storeMillis(of: queue) ?? 0)
        }
        let clients = holders.sorted { $0.key < $1.key }.flatMap { group, ids in
            ids.sorted().prefix(Self.listMax).map { id -> JSONValue in
                ["clientId": .string(id), "group": .string(group)]
            }
        }
        let updatedMillis = storeMillis > 0 ? storeMillis : dependencies.storeMillis(queue, bounds.max - 1) ?? 0
        return [
            "parentTopic": .string(name), "liteTopic": .string(lite), "subscriber": .array(clients),
            "topicOffset": [
                "minOffset": .integer(bounds.min), "maxOffset": .integer(bounds.max),
                "lastUpdateTimestamp": .integer(updatedMillis),
            ], "shardingToBroker": .bool(bounds.max > 0),
        ]
    }

    /// A client.
    package func clientInfo(_ key: LiteClientKey, parent name: String, max: Int) throws(ServiceError) -> JSONValue {
        _ = try parent(name)
        _ = try existingGroup(key.group)
        let (queues, seenMillis) = state.withLockedValue { state in
            (state.subscriptions.subscriptions(of: key), state.subscriptions.seenMillis(of: key))
        }
        return [
            "parentTopic": .string(name), "group": .string(key.group), "clientId": .string(key.clientID),
            "lastAccessTime": .integer(seenMillis ?? 0), "lastConsumeTime": .integer(seenMillis ?? 0),
            "liteTopicCount": .integer(queues.map { Int64($0.count) } ?? -1),
            "liteTopicSet": .array(
                (queues ?? []).sorted().prefix(min(Swift.max(0, max), Self.listMax)).map { .string($0) }),
        ]
    }

    private struct Lag {
        var queue: String
        var count: Int64
        var earliestMillis: Int64

        var json: JSONValue {
            [
                "liteTopic": .string(LiteTopicName(queueName: queue)?.lite ?? queue), "lagCount": .integer(count),
                "earliestUnconsumedTimestamp": .integer(earliestMillis),
            ]
        }
    }

    /// How far a group is behind: in one lite topic, or in those where it is most.
    package func groupInfo(_ name: String, lite: String?, max: Int) throws(ServiceError) -> JSONValue {
        let group = try existingGroup(name)
        let parent = group.liteBindTopic ?? ""
        if let lite, !lite.isEmpty {
            let queue = LiteTopicName(parent: parent, lite: lite).queueName
            let bounds = delivery.dependencies.store.bounds(topic: queue, queueID: 0)
            let done = delivery.offsets.offset(group: name, topic: queue, queueID: 0)
            let isThere = bounds.max > 0
            return [
                "group": .string(name), "parentTopic": .string(parent), "liteTopic": .string(lite),
                "totalLagCount": .integer(isThere ? bounds.max - (done ?? bounds.min) : -1),
                "earliestUnconsumedTimestamp": .integer(isThere ? lag(queue, of: name)?.earliestMillis ?? -1 : -1),
                "liteTopicOffsetWrapper": [
                    "brokerOffset": .integer(isThere ? bounds.max : -1), "consumerOffset": .integer(done ?? -1),
                    "lastTimestamp": .integer(isThere ? dependencies.storeMillis(queue, bounds.max - 1) ?? 0 : -1),
                ],
            ]
        }
        let lags = state.withLockedValue { $0.index.queues(parent: parent) }.sorted().compactMap { lag($0, of: name) }
        let top = min(Swift.max(1, max), Self.listMax)
        return [
            "group": .string(name), "parentTopic": .string(parent),
            "totalLagCount": .integer(lags.reduce(0) { $0 + $1.count }),
            "earliestUnconsumedTimestamp": .integer(lags.map(\.earliestMillis).min() ?? -1),
            "lagCountTopK": .array(lags.sorted { $0.count > $1.count }.prefix(top).map(\.json)),
            "lagTimestampTopK": .array(lags.sorted { $0.earliestMillis < $1.earliestMillis }.prefix(top).map(\.json)),
        ]
    }

    /// Nil where the group is not behind, or has nothing to do with the lite topic.
    private func lag(_ queue: String, of group: String) -> Lag? {
        let bounds = delivery.dependencies.store.bounds(topic: queue, queueID: 0)
        let committed = delivery.offsets.offset(group: group, topic: queue, queueID: 0)
        let isHeld = state.withLockedValue { $0.subscriptions.holds(group, queue) }
        guard committed != nil || isHeld || dependencies.group(group)?.isLiteWildcard == true else { return nil }
        let done = Swift.max(committed ?? 0, bounds.min)
        guard bounds.max > done else { return nil }
        return Lag(
            queue: queue, count: bounds.max - done, earliestMillis: dependencies.storeMillis(queue, done) ?? 0)
    }

    /// The lite topics of a parent of which metrics tell how far groups are behind; nil when they are not to tell.
    func measuredQueues(parent: String) -> [String]? {
        guard limits.countsLags else { return nil }
        return state.withLockedValue { $0.index.queues(parent: parent) }
    }

    /// How far a group is behind in all these lite topics of its parent together. Looks at each of them, and into the log
    /// for times when that is wanted.
    func lag(of group: String, parent: String, queues: [String]) -> GroupLag {
        var lag = GroupLag(group: group, topic: parent)
        let isWildcard = dependencies.group(group)?.isLiteWildcard == true
        for queue in queues {
            let committed = delivery.offsets.offset(group: group, topic: queue, queueID: 0)
            let progress = delivery.progress(group: group, topic: queue, queueID: 0)
            let isOfGroup = isWildcard || committed != nil || progress != nil
            guard isOfGroup || state.withLockedValue({ $0.subscriptions.holds(group, queue) }) else { continue }
            lag.add(
                bounds: delivery.dependencies.store.bounds(topic: queue, queueID: 0), committed: committed,
                progress: progress,
                stored: { limits.readsLagTimes ? dependencies.storeMillis(queue, $0) : nil })
        }
        return lag
    }

    /// Has the clients of a group, or one of them, look at everything that they subscribe to.
    package func triggerDispatch(group name: String, clientID: String?) throws(ServiceError) {
        let group = try existingGroup(name)
        guard !group.isLiteWildcard else {
            let woken = state.withLockedValue { state -> Woken in
                let places = state.index.count(parent: group.liteBindTopic ?? "")
                // They look at all of it together, whoever was meant.
                return state.wake(state.subscriptions.lookAgain(group: name, places: places))
            }
            return run(woken)
        }
        let keys = state.withLockedValue { $0.subscriptions.members(group: name) }
        for key in keys where clientID == nil || key.clientID == clientID {
            let queues = state.withLockedValue { $0.subscriptions.subscriptions(of: key) } ?? []
            show(queues.sorted(), to: key)
        }
    }
}
