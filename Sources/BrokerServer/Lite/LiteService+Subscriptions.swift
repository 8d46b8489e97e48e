import DeliveryEngine
import MessageModel
import RemotingCodec

extension LiteService {
    /// Does what clients ask for, in order, until one cannot be done. `channel` speaks for them.
    package func control(_ entries: [LiteSubscriptionBody.Entry], channel: LiteChannel?) throws(ServiceError) {
        guard !entries.isEmpty else {
            throw ServiceError(code: .illegalOperation, message: "the request holds no lite subscriptions")
        }
        for entry in entries {
            // Apache's broker skips these.
            guard let action = entry.action, !entry.clientId.isEmpty, !entry.group.isEmpty, !entry.topic.isEmpty else {
                continue
            }
            let key = LiteClientKey(group: entry.group, clientID: entry.clientId)
            switch action {
            case .partialAdd: try add(entry, key, channel)
            case .partialRemove: remove(entry, key)
            case .completeAdd: try replace(entry, key, channel)
            case .completeRemove: leave(key)
            }
        }
    }

    private func group(_ entry: LiteSubscriptionBody.Entry) throws(ServiceError) -> SubscriptionGroupConfig {
        do throws(ServiceError) {
            return try boundGroup(entry.group, topic: entry.topic)
        } catch {
            throw ServiceError(code: .illegalOperation, message: error.message)
        }
    }

    private func queues(_ entry: LiteSubscriptionBody.Entry) -> [String] {
        Set(entry.liteTopics).filter { LiteTopicName.isValid($0) }.sorted().map {
            LiteTopicName(parent: entry.topic, lite: $0).queueName
        }
    }

    private func add(
        _ entry: LiteSubscriptionBody.Entry, _ key: LiteClientKey, _ channel: LiteChannel?
    ) throws(ServiceError) {
        let group = try group(entry)
        guard !group.isLiteWildcard || entry.liteTopics.isEmpty else {
            throw ServiceError(
                code: .illegalOperation,
                message: "the group \(entry.group) consumes all lite topics (lite.sub.wildcard): none can be added")
        }
        let queues = queues(entry)
        // No names: somebody says that it speaks for the client.
        guard !queues.isEmpty else { return note(channel, of: key) }
        let now = nowMillis
        let change = try state.withLockedValue { state -> Result<LiteSubscriptions.Change, ServiceError> in
            let known = state.subscriptions.subscriptions(of: key) ?? []
            let isOver = group.liteClientQuota >= 0 && known.union(queues).count > Int(group.liteClientQuota)
            guard !isOver || known.isSuperset(of: queues) else {
                return .failure(Self.overQuota(entry, group.liteClientQuota))
            }
            let change = state.subscriptions.add(
                key, topic: entry.topic, queues: queues, isExclusive: group.isLiteExclusive, nowMillis: now)
            return change.map { .success($0) } ?? .failure(tooMany)
        }.get()
        note(channel, of: key)
        tell(change.lost)
        if group.resetsLiteOffsetOnTakeover { for loss in change.lost { reset(loss.queue, of: key.group, to: 0) } }
        for queue in queues { apply(entry.start, to: queue, of: key.group) }
        show(change.added, to: key)
    }

    private func replace(
        _ entry: LiteSubscriptionBody.Entry, _ key: LiteClientKey, _ channel: LiteChannel?
    ) throws(ServiceError) {
        let group = try group(entry)
        if group.isLiteWildcard { return try join(entry, key, channel) }
        let queues = queues(entry)
        if group.liteClientQuota >= 0, queues.count > Int(group.liteClientQuota) + limits.quotaSlack {
            throw Self.overQuota(entry, group.liteClientQuota)
        }
        let now = nowMillis
        let change = state.withLockedValue {
            $0.subscriptions.replace(key, topic: entry.topic, queues: queues, nowMillis: now)
        }
        guard let change else { throw tooMany }
        note(channel, of: key)
        tell(change.lost)
        show(change.added, to: key)
    }

    private func join(
        _ entry: LiteSubscriptionBody.Entry, _ key: LiteClientKey, _ channel: LiteChannel?
    ) throws(ServiceError) {
        let now = nowMillis
        let woken = state.withLockedValue { state -> Woken? in
            let places = state.index.count(parent: entry.topic)
            let keys = state.subscriptions.join(key, topic: entry.topic, places: places, nowMillis: now)
            // Requests that wait already look at what there is, in their own turns.
            return keys.map { keys in state.wake(keys.filter { state.subscriptions.hasReady($0) }) }
        }
        guard let woken else { throw tooMany }
        note(channel, of: key)
        run(woken)
    }

    private func remove(_ entry: LiteSubscriptionBody.Entry, _ key: LiteClientKey) {
        let now = nowMillis
        let queues = queues(entry)
        let change = state.withLockedValue { $0.subscriptions.remove(key, queues: queues, nowMillis: now) }
        guard dependencies.group(entry.group)?.resetsLiteOffsetOnUnsubscribe == true else { return }
        for queue in change.removed { reset(queue, of: key.group, to: 0) }
    }

    /// A client leaves.
    func leave(_ key: LiteClientKey) {
        let woken = state.withLockedValue { state -> Woken in
            state.channels[key] = nil
            return state.wake(state.subscriptions.leave(key))
        }
        run(woken)
    }

    private static func overQuota(_ entry: LiteSubscriptionBody.Entry, _ quota: Int32) -> ServiceError {
        ServiceError(
            code: .liteSubscriptionQuotaExceeded,
            message: "a client of the group \(entry.group) may subscribe to \(quota) lite topics (attribute "
                + "lite.sub.client.quota)")
    }

    private var tooMany: ServiceError {
        ServiceError(
            code: .liteSubscriptionQuotaExceeded,
            message: "the broker keeps at most \(limits.subscriptions.subscriptionsMax) lite subscriptions")
    }

    // MARK: Channels

    private static var channelsMax: Int { 8 }

    /// Remembers who spoke for a client.
    func note(_ channel: LiteChannel?, of key: LiteClientKey) {
        guard let channel else { return }
        state.withLockedValue { state in
            guard state.channels[key] != nil || state.channels.count < limits.subscriptions.clientsMax else { return }
            var channels = state.channels[key] ?? []
            if channels.last?.id == channel.id { return }
            channels.removeAll { $0.id == channel.id }
            channels.append(channel)
            state.channels[key] = channels.suffix(Self.channelsMax)
            state.channelIDs.insert(channel.id)
        }
    }

    /// A connection is gone.
    package func closed(channelID: UInt64) {
        state.withLockedValue { state in
            guard state.channelIDs.remove(channelID) != nil else { return }
            for (key, channels) in state.channels where channels.contains(where: { $0.id == channelID }) {
                let rest = channels.filter { $0.id != channelID }
                state.channels[key] = rest.isEmpty ? nil : rest
            }
        }
    }

    private func tell(_ losses: [LiteSubscriptions.Loss]) {
        for loss in losses {
            guard let lite = LiteTopicName(queueName: loss.queue)?.lite else { continue }
            let channels = state.withLockedValue { $0.channels[loss.client] ?? [] }
            let header = NotifyUnsubscribeLiteRequestHeader(
                liteTopic: lite, consumerGroup: loss.client.group, clientId: loss.client.clientID)
            for channel in channels { channel.notify(header) }
        }
    }

    // MARK: Positions

    private func apply(_ start: LiteStart, to queue: String, of group: String) {
        switch start {
        // Apache's broker ignores times too.
        case .last, .timestamp: break
        case .earliest: reset(queue, of: group, to: 0)
        case .latest:
            reset(queue, of: group, to: delivery.dependencies.store.bounds(topic: queue, queueID: 0).max)
        case .offset(let offset): reset(queue, of: group, to: offset)
        case .back(let count):
            guard let committed = delivery.offsets.offset(group: group, topic: queue, queueID: 0) else { return }
            reset(queue, of: group, to: max(0, committed - max(0, count)))
        }
    }

    private func reset(_ queue: String, of group: String, to offset: Int64) {
        delivery.commitOffset(group: group, topic: queue, queueID: 0, offset: offset)
        look(at: SubscriptionKey(group: group, topic: queue))
    }

    /// Has a client look at lite topics that it has newly subscribed to, where messages wait.
    func show(_ queues: [String], to key: LiteClientKey) {
        let waiting = queues.filter { isWaiting($0, for: key.group) }
        guard !waiting.isEmpty else { return }
        let woken = state.withLockedValue { state -> Woken in
            for queue in waiting { state.subscriptions.offer(queue, to: key) }
            return state.wake(key)
        }
        run(woken)
    }

    /// Whether a lite topic has messages that a group has not done.
    func isWaiting(_ queue: String, for group: String) -> Bool {
        let bounds = delivery.dependencies.store.bounds(topic: queue, queueID: 0)
        let committed = delivery.offsets.offset(group: group, topic: queue, queueID: 0) ?? bounds.min
        return bounds.max > max(committed, bounds.min)
    }
}
