import DeliveryEngine
import MessageModel

extension LiteService {
    /// Drops clients that were not heard of; call every few seconds.
    package func expireClients() {
        let now = nowMillis
        let woken = state.withLockedValue { state -> Woken in
            let (gone, keys) = state.subscriptions.expire(nowMillis: now)
            for key in gone { state.channels[key] = nil }
            return state.wake(keys)
        }
        run(woken)
    }

    /// Deletes lite topics that nobody wrote to for as long as their parent says, when the time for a look has come.
    /// Waits for the disk.
    package func expireTopics() {
        let now = nowMillis
        let parents = state.withLockedValue { state -> [String: LiteIndex.Parent] in
            guard now >= state.nextExpiryMillis else { return [:] }
            state.nextExpiryMillis = now + limits.expiryCheckMillis
            return state.index.parents
        }
        for (parent, known) in parents {
            guard let minutes = dependencies.topic(parent)?.liteExpirationMinutes, minutes > 0 else { continue }
            let idleMillis = max(limits.idleMillisMin, minutes * 60_000)
            var over: [(name: String, end: Int64)] = []
            for (queue, knownMillis) in known.topics where now - knownMillis > idleMillis {
                let end = delivery.dependencies.store.bounds(topic: queue, queueID: 0).max
                // Of the last message before that end, which may have come since. A queue whose messages are gone from the
                // log has no time: it is over as well.
                let millis = dependencies.storeMillis(queue, end - 1) ?? 0
                if now - millis > idleMillis {
                    over.append((queue, end))
                } else {
                    state.withLockedValue { state in
                        // A later one may have come meanwhile, or the lite topic be gone.
                        guard state.index.parents[parent]?.storeMillis(of: queue) == 0 else { return }
                        state.index.note(queue: queue, parent: parent, storeMillis: millis)
                    }
                }
            }
            delete(over, of: parent)
        }
    }

    /// Deletes all lite topics of a topic that is deleted. Waits for the disk.
    package func parentDeleted(_ parent: String) {
        let queues = state.withLockedValue { $0.index.queues(parent: parent) }
        let ends = queues.map { ($0, delivery.dependencies.store.bounds(topic: $0, queueID: 0).max) }
        delete(ends, of: parent)
    }

    /// Forgets the clients of a group that is deleted.
    package func groupDeleted(_ group: String) {
        let keys = state.withLockedValue { $0.subscriptions.members(group: group) }
        for key in keys { leave(key) }
        state.withLockedValue { state in
            state.blocked = state.blocked.filter { $0.key.group != group }
            state.booked = state.booked.filter { $0.key.group != group }
        }
    }

    /// So many queues go at a time: each round waits for the disk once.
    private static var roundMax: Int { 1_000 }

    private func delete(_ queues: [(name: String, end: Int64)], of parent: String) {
        var rest = queues[...]
        while !rest.isEmpty {
            let round = Array(rest.prefix(Self.roundMax))
            rest = rest.dropFirst(Self.roundMax)
            state.withLockedValue { $0.deleting.formUnion(round.map(\.name)) }
            var deleted: [String] = []
            do {
                defer { keep(Set(round.map(\.name)).subtracting(deleted), of: parent) }
                deleted = try dependencies.deleteQueues(round)
                forget(deleted, of: parent, noted: delivery.lightQueuesDeleted(deleted))
                if !deleted.isEmpty {
                    logger.info("lite topics deleted", metadata: ["topic": "\(parent)", "count": "\(deleted.count)"])
                }
            } catch {
                return logger.error(
                    "lite topics could not be deleted", metadata: ["topic": "\(parent)", "error": "\(error)"])
            }
        }
    }

    /// Has clients look again at lite topics that were not deleted after all: who did meanwhile passed over them.
    private func keep(_ queues: Set<String>, of parent: String) {
        state.withLockedValue { $0.deleting.subtract(queues) }
        for queue in queues.sorted() where delivery.dependencies.store.bounds(topic: queue, queueID: 0).max > 0 {
            offer(queue, parent: parent)
        }
    }

    /// Forgets deleted lite topics, and what is noted of groups on them. One that has come into being again meanwhile is a
    /// new one.
    private func forget(_ queues: [String], of parent: String, noted: [SubscriptionKey]) {
        state.withLockedValue { state in
            for key in noted {
                state.blocked[key] = nil
                state.booked[key] = nil
            }
            for queue in queues {
                state.subscriptions.forget(queue: queue)
                state.index.remove(queue: queue, parent: parent)
                state.deleting.remove(queue)
            }
        }
        let now = nowMillis
        for queue in queues where delivery.dependencies.store.bounds(topic: queue, queueID: 0).max > 0 {
            state.withLockedValue { $0.index.note(queue: queue, parent: parent, storeMillis: now) }
            offer(queue, parent: parent)
        }
    }
}
