import DeliveryEngine
import MessageModel

extension DeliveryService {
    /// Says whether a pop would find something, now or within the time; the completion runs exactly once.
    package func notification(
        _ request: PopRequest, completion: @escaping @Sendable (NotificationOutcome) -> Void
    ) {
        let now = dependencies.nowMillis()
        let topic: TopicConfig
        do {
            (topic, _) = try checkReadable(topic: request.topic, group: request.group, queueID: request.queueID)
        } catch {
            return completion(.failed(error))
        }
        let subscription = table.findOrMake(SubscriptionKey(group: request.group, topic: request.topic))
        let deadlineMillis = deadlineMillis(
            bornMillis: request.bornMillis, pollMillis: request.pollMillis, nowMillis: now)
        var timer: (subscription: Subscription, millis: Int64)?
        let outcome = subscription.withState { state -> NotificationOutcome? in
            if hasWork(request, queueCount: topic.readQueueCount, &state, nowMillis: now) {
                return .answered(hasMessage: true)
            }
            guard deadlineMillis > now, !isClosed.load(ordering: .acquiring), !state.isRemoved else {
                return .answered(hasMessage: false)
            }
            guard waiterCount.load(ordering: .relaxed) < configuration.waitersMax else { return .pollingFull }
            let parked = state.notifications.park(
                queueID: request.queueID, deadlineMillis: deadlineMillis, capacity: 1,
                NotificationWaiter(queueID: request.queueID, isOrdered: request.isOrdered, completion: completion))
            guard parked != nil else { return .pollingFull }
            waiterCount.add(1, ordering: .relaxed)
            state.recheckAtMillis = min(
                state.recheckAtMillis, state.nextOpening(afterMillis: now))
            timer = nextTimer(&state, subscription)
            return nil
        }
        if let timer { timers.schedule(timer.subscription, atMillis: timer.millis) }
        if let outcome { completion(outcome) }
    }

    /// Whether a pop would find something, filters aside. Under the lock.
    private func hasWork(
        _ request: PopRequest, queueCount: Int32, _ state: inout SubscriptionState, nowMillis: Int64
    ) -> Bool {
        let queueIDs = request.queueID >= 0 ? request.queueID..<request.queueID + 1 : 0..<queueCount
        return queueIDs.contains { queueID in
            let bounds = dependencies.store.bounds(topic: request.topic, queueID: queueID)
            guard Int(queueID) < state.queues.count, state.queues[Int(queueID)] != nil else {
                let committed = offsets.offset(group: request.group, topic: request.topic, queueID: queueID)
                return bounds.max > (committed ?? bounds.min)
            }
            guard state.isOpen(queueID: queueID, isOrdered: request.isOrdered, nowMillis: nowMillis) else {
                return !request.isOrdered
                    && state.queues[Int(queueID)]?.ledger.hasDue(nowMillis: nowMillis) == true
            }
            return state.queues[Int(queueID)].map { $0.ledger.nextOffset < bounds.max } == true
                || state.queues[Int(queueID)]?.ledger.hasDue(nowMillis: nowMillis) == true
        }
    }

    /// Requests parked by a group for a queue of a topic, or for all of them.
    package func pollingCount(group: String, topic: String, queueID: Int32) -> Int {
        table.find(SubscriptionKey(group: group, topic: topic))?.withState { state in
            state.pops.count(queueID: queueID) + state.notifications.count(queueID: queueID)
        } ?? 0
    }
}
