import DeliveryEngine
import MessageModel
import NIOCore

extension DeliveryService {
    /// What is left to do when a pop's lock is released.
    private struct PopResult {
        var answer: PopOutcome?
        var woken: [WokenWaiter] = []
        var deadLetters: [DeadLetter] = []
        var timer: (subscription: Subscription, millis: Int64)?
        var mustList = false
        /// What could be handed out if it were in memory.
        var cold: [ColdStretch] = []
    }

    /// Hands out messages, now or when some arrive; the completion runs exactly once.
    package func pop(_ request: PopRequest, completion: @escaping @Sendable (PopOutcome) -> Void) {
        let now = dependencies.nowMillis()
        let waiter: PopWaiter
        do {
            waiter = try check(request, nowMillis: now, completion)
        } catch {
            switch error {
            case .late:
                completion(.timedOut(emptyPop(request, now, restCount: 0)))
            case .refused(let error):
                completion(.failed(error))
            }
            return
        }
        attempt(waiter)
    }

    private enum Refusal: Error {
        case late
        case refused(ServiceError)
    }

    /// Apache's checks in Apache's order.
    private func check(
        _ request: PopRequest, nowMillis: Int64, _ completion: @escaping @Sendable (PopOutcome) -> Void
    ) throws(Refusal) -> PopWaiter {
        let deadlineMillis = deadlineMillis(
            bornMillis: request.bornMillis, pollMillis: request.pollMillis, nowMillis: nowMillis)
        guard nowMillis - deadlineMillis <= Self.latenessMillisMax else { throw .late }
        guard request.maxCount >= 1, request.maxCount <= configuration.popCountMax else {
            throw .refused(
                ServiceError(
                    code: .invalidParameter,
                    message: "maxMsgNums \(request.maxCount) is not between 1 and \(configuration.popCountMax)"))
        }
        let (topic, group): (TopicConfig, SubscriptionGroupConfig)
        let filter: MessageFilter
        do {
            try Self.checkInvisible(request.invisibleMillis)
            (topic, group) = try checkReadable(topic: request.topic, group: request.group, queueID: request.queueID)
            filter = try dependencies.filters.filter(type: request.expressionType, expression: request.expression)
        } catch {
            throw .refused(error)
        }
        return PopWaiter(
            request: request, filter: filter, maxAttempts: group.attemptCountMax,
            queueCount: topic.readQueueCount, isByPriority: topic.messageType == .priority,
            deadlineMillis: deadlineMillis, completion: completion)
    }

    /// A request that arrives this much after its time is over is not worth a look.
    static var latenessMillisMax: Int64 { 500 }
    /// Longest invisible time, 30 days: far over any client's limit, and no sum of times overflows.
    private static var invisibleMillisMax: Int64 { 30 * 24 * 3_600_000 }

    /// Until when a request waits that its client sent at `bornMillis`, 0 for unknown.
    func deadlineMillis(bornMillis: Int64, pollMillis: Int64, nowMillis: Int64) -> Int64 {
        // A client whose clock is ahead must not wait longer than it asked for.
        let bornMillis = bornMillis > 0 ? min(bornMillis, nowMillis) : nowMillis
        return bornMillis + min(max(0, pollMillis), configuration.pollMillisMax)
    }

    /// Refuses an invisible time that no request may name.
    static func checkInvisible(_ invisibleMillis: Int64) throws(ServiceError) {
        guard invisibleMillis >= 0, invisibleMillis <= invisibleMillisMax else {
            throw ServiceError(code: .invalidParameter, message: "invisibleTime \(invisibleMillis) is out of range")
        }
    }

    /// The topic and group of a pop or notification, when they may be read.
    func checkReadable(
        topic name: String, group groupName: String, queueID: Int32
    ) throws(ServiceError) -> (TopicConfig, SubscriptionGroupConfig) {
        guard dependencies.isReadable() else {
            throw ServiceError(code: .noPermission, message: "the broker does not allow reading")
        }
        guard let topic = dependencies.topic(name) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(name)] not exist, apply first please!")
        }
        guard topic.permission.contains(.read) else {
            throw ServiceError(code: .noPermission, message: "the topic[\(name)] does not allow reading")
        }
        guard queueID >= PopRequest.allQueues, queueID < topic.readQueueCount else {
            throw ServiceError(
                code: .invalidParameter,
                message: "queueId[\(queueID)] is illegal, topic:[\(name)] readQueueNums:[\(topic.readQueueCount)]")
        }
        guard let group = dependencies.group(groupName) else {
            throw ServiceError(
                code: .subscriptionGroupNotExist, message: "subscription group [\(groupName)] does not exist")
        }
        guard group.consumeEnable else {
            throw ServiceError(code: .noPermission, message: "subscription group no permission, \(groupName)")
        }
        guard !dependencies.isForbidden(groupName, name) else {
            throw ServiceError(
                code: .noPermission, message: "the consumer group[\(groupName)] is forbidden for topic[\(name)]")
        }
        return (topic, group)
    }

    /// Makes the ledger of a queue when there is none, and brings it in line with what the queue holds; returns that.
    func prepare(
        _ state: inout SubscriptionState, _ key: SubscriptionKey, queueID: Int32, start: PopRequest.StartPosition
    ) -> (min: Int64, max: Int64) {
        let bounds = dependencies.store.bounds(topic: key.topic, queueID: queueID)
        let index = Int(queueID)
        if state.queues[index] == nil {
            let offset = startOffset(key, queueID, start, bounds)
            state.queues[index] = QueueState(
                ledger: AckLedger(startOffset: offset, limits: configuration.ledger), startOffset: bounds.max,
                startMillis: startMillis.load(ordering: .relaxed))
            state.record(.start(offset: offset), queueID: queueID)
        }
        if state.queues[index]?.ledger.reconcile(minOffset: bounds.min, maxOffset: bounds.max) == true {
            state.record(.reconcile(minOffset: bounds.min, maxOffset: bounds.max), queueID: queueID)
        }
        return bounds
    }

    /// The committed offset, else by the rule for new groups: a queue that still has its first message is read whole.
    private func startOffset(
        _ key: SubscriptionKey, _ queueID: Int32, _ start: PopRequest.StartPosition, _ bounds: (min: Int64, max: Int64)
    ) -> Int64 {
        if let committed = offsets.offset(group: key.group, topic: key.topic, queueID: queueID) {
            return Self.bounded(committed)
        }
        switch start {
        case .earliest: return max(0, bounds.min)
        case .latest: return bounds.min <= 0 ? 0 : max(bounds.max - 1, 0)
        }
    }

    func emptyPop(_ request: PopRequest, _ nowMillis: Int64, restCount: Int64) -> EmptyPop {
        EmptyPop(
            popMillis: nowMillis, invisibleMillis: request.invisibleMillis,
            reviveQueueID: nextReviveQueueID(isOrdered: request.isOrdered), restCount: restCount)
    }

    /// Hands out what there is, or parks the request; wakes whoever else can go on.
    func attempt(_ waiter: PopWaiter) {
        if let isAbandoned = waiter.request.isAbandoned, isAbandoned() {
            // Whatever it was woken for is still there: for the next one.
            waiter.completion(.timedOut(emptyPop(waiter.request, dependencies.nowMillis(), restCount: 0)))
            return passOn(waiter.request)
        }
        let key = SubscriptionKey(group: waiter.request.group, topic: waiter.request.topic)
        let subscription = table.findOrMake(key)
        let now = dependencies.nowMillis()
        let result = subscription.withState { state in
            serve(waiter, subscription, &state, nowMillis: now)
        }
        if result.mustList { journal.list(subscription) }
        if let timer = result.timer { timers.schedule(timer.subscription, atMillis: timer.millis) }
        if let answer = result.answer {
            if case .found(let batch) = answer {
                dependencies.statistics?.countDelivered(
                    topic: key.topic, group: key.group, count: batch.messages.count, bytes: batch.body.readableBytes,
                    nowMillis: now)
            }
            waiter.completion(answer)
        }
        for deadLetter in result.deadLetters { moveWarm(deadLetter, of: subscription) }
        if !result.cold.isEmpty { warm(result.cold, for: result.answer == nil ? waiter : nil) }
        run(result.woken)
    }

    /// Wakes the next request instead of one whose client is gone.
    private func passOn(_ request: PopRequest) {
        guard let subscription = table.find(SubscriptionKey(group: request.group, topic: request.topic)) else { return }
        let now = dependencies.nowMillis()
        run(subscription.withState { takeOneWaiter(&$0, queueID: request.queueID, nowMillis: now) })
    }

    /// Under the lock.
    private func serve(
        _ waiter: PopWaiter, _ subscription: Subscription, _ state: inout SubscriptionState, nowMillis: Int64
    ) -> PopResult {
        var result = PopResult()
        guard !state.isRemoved else {
            result.answer = .timedOut(emptyPop(waiter.request, nowMillis, restCount: 0))
            return result
        }
        var pass = PopPass(waiter: waiter, key: subscription.key, service: self, nowMillis: nowMillis)
        pass.run(&state)
        result.deadLetters = pass.deadLetters
        result.cold = pass.cold
        if !pass.messages.isEmpty {
            result.answer = .found(pass.batch(reviveQueueID: nextReviveQueueID(isOrdered: waiter.request.isOrdered)))
            if state.hasWaiters {
                // Requests parked meanwhile must see what becomes visible again of this batch, and what it left.
                let again = state.nextOpening(afterMillis: nowMillis)
                state.recheckAtMillis = min(state.recheckAtMillis, again)
                if pass.mayHaveMore {
                    result.woken = takeOneWaiter(&state, queueID: waiter.request.queueID, nowMillis: nowMillis)
                }
            }
        } else if pass.cold.isEmpty {
            result.answer = park(waiter, &state, pass, nowMillis: nowMillis)
            if pass.stoppedEarly, result.answer == nil {
                result.woken = takeOneWaiter(&state, queueID: waiter.request.queueID, nowMillis: nowMillis)
            }
        }
        result.timer = nextTimer(&state, subscription)
        result.mustList = state.mustList()
        return result
    }

    /// Parks a request that found nothing; returns the answer when it cannot or should not wait.
    private func park(
        _ waiter: PopWaiter, _ state: inout SubscriptionState, _ pass: PopPass, nowMillis: Int64
    ) -> PopOutcome? {
        let empty = emptyPop(waiter.request, nowMillis, restCount: pass.restCount)
        guard waiter.deadlineMillis > nowMillis, !isClosed.load(ordering: .acquiring) else { return .timedOut(empty) }
        guard waiterCount.load(ordering: .relaxed) < configuration.waitersMax else { return .pollingFull(empty) }
        let parked = state.pops.park(
            queueID: waiter.request.queueID, deadlineMillis: waiter.deadlineMillis,
            capacity: Int(waiter.request.maxCount), waiter)
        guard parked != nil else { return .pollingFull(empty) }
        waiterCount.add(1, ordering: .relaxed)
        // What is due already could not be read: no point in looking again at once.
        let again = pass.openAtMillis <= nowMillis ? nowMillis + Self.retryMillis : pass.openAtMillis
        state.recheckAtMillis = min(state.recheckAtMillis, again)
        return nil
    }

    /// Wait before another look at messages that are due but could not be read.
    private static var retryMillis: Int64 { 1_000 }
}
