import DeliveryEngine
import MessageModel
import NIOCore

/// A message that became readable, as far as parked requests care.
package struct ArrivedMessage: Sendable, Hashable {
    /// Its topic.
    package var topic: String
    /// Its queue.
    package var queueID: Int32
    /// The hash of its tag.
    package var tagsCode: Int64

    /// A message by its parts.
    package init(topic: String, queueID: Int32, tagsCode: Int64) {
        self.topic = topic
        self.queueID = queueID
        self.tagsCode = tagsCode
    }
}

extension DeliveryService {
    /// Wakes the requests that can use messages that became readable; called in the order of the log.
    package func messagesArrived(_ messages: some RandomAccessCollection<ArrivedMessage>) {
        var rest = messages[...]
        while let first = rest.first {
            let end = rest.firstIndex { $0.queueID != first.queueID || $0.topic != first.topic } ?? rest.endIndex
            let run = rest[..<end]
            rest = rest[end...]
            for subscription in table.subscriptions(topic: first.topic) { arrived(run, first, at: subscription) }
        }
    }

    private func arrived(
        _ messages: some RandomAccessCollection<ArrivedMessage>, _ first: ArrivedMessage, at subscription: Subscription
    ) {
        let woken = subscription.withState { state -> [WokenWaiter] in
            guard state.hasWaiters else { return [] }
            let now = dependencies.nowMillis()
            // Each way of delivery is asked once: a scan of the queue's ledger for every waiter would not pay.
            let isOpen = state.isOpen(queueID: first.queueID, isOrdered: false, nowMillis: now)
            let isOpenInOrder = state.isOpen(queueID: first.queueID, isOrdered: true, nowMillis: now)
            let pops = state.pops.wake(queueID: first.queueID, messageCount: messages.count) { waiter in
                guard waiter.request.isOrdered ? isOpenInOrder : isOpen else { return false }
                switch waiter.filter {
                case .all, .properties: return true
                case .tags(let filter): return messages.contains { filter.mayMatch(tagsCode: $0.tagsCode) }
                }
            }
            let notifications = state.notifications.wake(queueID: first.queueID, messageCount: messages.count) {
                $0.isOrdered ? isOpenInOrder : isOpen
            }
            return pops.map(WokenWaiter.pop) + notifications.map(WokenWaiter.notification)
        }
        run(woken)
    }

    /// Goes on with requests that were taken out of an index.
    func run(_ woken: [WokenWaiter]) {
        guard !woken.isEmpty else { return }
        waiterCount.subtract(woken.count, ordering: .relaxed)
        for waiter in woken {
            switch waiter {
            case .notification(let waiter):
                waiter.completion(.answered(hasMessage: true))
            case .pop(let waiter):
                guard let eventLoop = waiter.request.eventLoop else {
                    attempt(waiter)
                    continue
                }
                eventLoop.execute { self.attempt(waiter) }
            }
        }
    }

    /// Takes out a request that may use what is left in a queue, or in any. Under the lock.
    func takeOneWaiter(_ state: inout SubscriptionState, queueID: Int32, nowMillis: Int64) -> [WokenWaiter] {
        guard state.hasWaiters else { return [] }
        guard queueID >= 0 else {
            return state.pops.wakeOneOfEachKey().map(WokenWaiter.pop)
                + state.notifications.wakeOneOfEachKey().map(WokenWaiter.notification)
        }
        let isOpenInOrder = state.isOpen(queueID: queueID, isOrdered: true, nowMillis: nowMillis)
        return state.pops.wake(queueID: queueID, messageCount: 1) { !$0.request.isOrdered || isOpenInOrder }
            .map(WokenWaiter.pop)
            + state.notifications.wake(queueID: queueID, messageCount: 1) { !$0.isOrdered || isOpenInOrder }
            .map(WokenWaiter.notification)
    }

    // MARK: Time

    /// Answers requests whose time is over and wakes those for which a message became visible again.
    package func fireTimers() {
        let now = dependencies.nowMillis()
        for (subscription, millis) in timers.takeDue(nowMillis: now) {
            fire(subscription, scheduledAtMillis: millis, nowMillis: now)
        }
    }

    /// When ``fireTimers()`` has something to do next; nil when nothing is scheduled.
    package var nextTimerMillis: Int64? { timers.nextMillis }

    private func fire(_ subscription: Subscription, scheduledAtMillis: Int64, nowMillis: Int64) {
        var expired: [WokenWaiter] = []
        var woken: [WokenWaiter] = []
        let timer = subscription.withState { state -> (subscription: Subscription, millis: Int64)? in
            // Scheduled earlier since: that entry has seen to it.
            guard state.timerAtMillis == scheduledAtMillis else { return nil }
            state.timerAtMillis = .max
            expired = state.pops.expire(nowMillis: nowMillis).map(WokenWaiter.pop)
            expired += state.notifications.expire(nowMillis: nowMillis).map(WokenWaiter.notification)
            if state.recheckAtMillis <= nowMillis {
                state.recheckAtMillis = .max
                woken = takeWaitersForDue(&state, nowMillis: nowMillis)
                if state.hasWaiters {
                    state.recheckAtMillis = state.nextOpening(afterMillis: nowMillis)
                }
            }
            return nextTimer(&state, subscription)
        }
        if let timer { timers.schedule(timer.subscription, atMillis: timer.millis) }
        waiterCount.subtract(expired.count, ordering: .relaxed)
        for waiter in expired { expire(waiter, nowMillis: nowMillis, restCount: 0) }
        run(woken)
    }

    /// Takes out requests that can take messages that are visible again: one for each queue that has such requests of
    /// its own, and one of those for all queues. Each wakes the next when it leaves something. Under the lock.
    private func takeWaitersForDue(_ state: inout SubscriptionState, nowMillis: Int64) -> [WokenWaiter] {
        var woken: [WokenWaiter] = []
        var isAnyOpen = false
        var isAnyOpenInOrder = false
        for index in state.queues.indices where state.queues[index]?.ledger.hasDue(nowMillis: nowMillis) == true {
            let queueID = Int32(index)
            let isOpenInOrder = state.isOpen(queueID: queueID, isOrdered: true, nowMillis: nowMillis)
            isAnyOpen = true
            if isOpenInOrder { isAnyOpenInOrder = true }
            if state.pops.count(queueID: queueID) > 0 {
                woken += state.pops.wake(queueID: queueID, messageCount: 1) { !$0.request.isOrdered || isOpenInOrder }
                    .map(WokenWaiter.pop)
            }
            if state.notifications.count(queueID: queueID) > 0 {
                woken += state.notifications.wake(queueID: queueID, messageCount: 1) { !$0.isOrdered || isOpenInOrder }
                    .map(WokenWaiter.notification)
            }
        }
        guard isAnyOpen else { return woken }
        let all = PopRequest.allQueues
        woken += state.pops.wake(queueID: all, messageCount: 1) { !$0.request.isOrdered || isAnyOpenInOrder }
            .map(WokenWaiter.pop)
        woken += state.notifications.wake(queueID: all, messageCount: 1) { !$0.isOrdered || isAnyOpenInOrder }
            .map(WokenWaiter.notification)
        return woken
    }

    /// Books the next call of the timer when it has to come earlier than booked. Under the lock.
    func nextTimer(
        _ state: inout SubscriptionState, _ subscription: Subscription
    ) -> (subscription: Subscription, millis: Int64)? {
        guard let next = state.nextTimerMillis(), next < state.timerAtMillis else { return nil }
        state.timerAtMillis = next
        return (subscription, next)
    }

    /// Answers a request whose time is over.
    func expire(_ waiter: WokenWaiter, nowMillis: Int64, restCount: Int64) {
        switch waiter {
        case .pop(let waiter):
            waiter.completion(.timedOut(emptyPop(waiter.request, nowMillis, restCount: restCount)))
        case .notification(let waiter):
            waiter.completion(.answered(hasMessage: false))
        }
    }
}
