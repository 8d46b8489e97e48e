import DeliveryEngine
import MessageModel
import NIOCore

extension LiteService {
    /// Hands out messages of the client's lite topics, now or when some arrive; the completion runs exactly once.
    package func pop(_ request: LitePopRequest, completion: @escaping @Sendable (PopOutcome) -> Void) {
        let now = nowMillis
        let deadlineMillis = delivery.deadlineMillis(
            bornMillis: request.bornMillis, pollMillis: request.pollMillis, nowMillis: now)
        guard now - deadlineMillis <= DeliveryService.latenessMillisMax else {
            return completion(.timedOut(empty(request, now)))
        }
        do throws(ServiceError) {
            let group = try check(request)
            attempt(
                Waiter(
                    request: request, maxAttempts: group.attemptCountMax, deadlineMillis: deadlineMillis,
                    completion: completion))
        } catch {
            completion(.failed(error))
        }
    }

    /// The checks of Apache's PopLiteMessageProcessor, in its order.
    private func check(_ request: LitePopRequest) throws(ServiceError) -> SubscriptionGroupConfig {
        guard delivery.dependencies.isReadable() else {
            throw ServiceError(code: .noPermission, message: "the broker does not allow reading")
        }
        guard request.maxCount >= 1, request.maxCount <= delivery.configuration.popCountMax else {
            throw ServiceError(
                code: .invalidParameter,
                message: "maxMsgNum \(request.maxCount) is not between 1 and \(delivery.configuration.popCountMax)")
        }
        try DeliveryService.checkInvisible(request.invisibleMillis)
        guard let topic = dependencies.topic(request.topic) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(request.topic)] not exist, apply first please!")
        }
        guard topic.permission.contains(.read) else {
            throw ServiceError(code: .noPermission, message: "the topic[\(request.topic)] does not allow reading")
        }
        guard topic.messageType == .lite else {
            throw ServiceError(
                code: .invalidParameter, message: "the topic[\(request.topic)] is not of the type LITE")
        }
        guard !delivery.dependencies.isForbidden(request.group, request.topic) else {
            throw ServiceError(
                code: .noPermission,
                message: "the consumer group[\(request.group)] is forbidden for topic[\(request.topic)]")
        }
        return try boundGroup(request.group, topic: request.topic)
    }

    /// The group, when it is there, may consume and is bound to the topic.
    func boundGroup(_ name: String, topic: String) throws(ServiceError) -> SubscriptionGroupConfig {
        guard let group = dependencies.group(name) else {
            throw ServiceError(
                code: .subscriptionGroupNotExist, message: "subscription group [\(name)] does not exist")
        }
        guard group.consumeEnable else {
            throw ServiceError(code: .noPermission, message: "subscription group no permission, \(name)")
        }
        guard group.liteBindTopic == topic else {
            throw ServiceError(
                code: .invalidParameter,
                message: "the group \(name) is not bound to the topic \(topic) (attribute lite.bind.topic)")
        }
        return group
    }

    /// Hands out what there is, or parks the request.
    func attempt(_ waiter: Waiter) {
        let now = nowMillis
        let key = waiter.key
        if let isAbandoned = waiter.request.isAbandoned, isAbandoned() {
            // Whatever it was woken for is still there: for the next one.
            waiter.completion(.timedOut(empty(waiter.request, now)))
            return passOn(key, topic: waiter.request.topic)
        }
        var pass = LitePass(waiter.request, delivery: delivery, maxAttempts: waiter.maxAttempts, nowMillis: now)
        while !pass.isFull {
            guard let queue = next(waiter, canPark: pass.messages.isEmpty, nowMillis: now) else { break }
            guard case .look(let name) = queue else { return }
            take(name, of: key.group, into: &pass)
        }
        let isFull = pass.isFull
        guard !pass.messages.isEmpty else { return }
        let batch = pass.batch()
        delivery.dependencies.statistics?.countDelivered(
            topic: waiter.request.topic, group: key.group, count: batch.messages.count,
            bytes: batch.body.readableBytes, nowMillis: now)
        waiter.completion(.found(batch))
        if isFull { passOn(key, topic: waiter.request.topic) }
    }

    private enum Next {
        /// Look at this lite topic.
        case look(String)
        /// The request waits, or has been answered.
        case settled
    }

    /// What a request does next; nil when it has what it gets. Parking and looking are one step, so that no lite topic
    /// becomes ready unseen.
    private func next(_ waiter: Waiter, canPark: Bool, nowMillis: Int64) -> Next? {
        let mayWait = canPark && waiter.deadlineMillis > nowMillis && !isStopping
        var timer: Int64?
        var answer: PopOutcome?
        let next = state.withLockedValue { state -> Next? in
            state.subscriptions.saw(waiter.key, nowMillis: nowMillis)
            while let queue = state.subscriptions.takeReady(waiter.key) {
                if !state.deleting.contains(queue) { return .look(queue) }
            }
            guard canPark else { return nil }
            let empty = empty(waiter.request, nowMillis)
            if !mayWait {
                answer = .timedOut(empty)
            } else if state.waiters.count >= delivery.configuration.waitersMax
                || state.waiters.park(
                    key: waiter.key, deadlineMillis: waiter.deadlineMillis, capacity: 1, waiter) == nil
            {
                answer = .pollingFull(empty)
            }
            timer = Self.bookWaiters(&state)
            return .settled
        }
        if let timer { timers.schedule(.waiters, atMillis: timer) }
        if let answer { waiter.completion(answer) }
        return next
    }

    private func take(_ queue: String, of group: String, into pass: inout LitePass) {
        let key = SubscriptionKey(group: group, topic: queue)
        let subscription = delivery.table.findOrMake(key)
        var mustList = false
        var timer: Int64?
        let outcome = subscription.withState { state in
            let outcome = pass.take(queue, &state)
            switch outcome {
            case .taken(let until), .blocked(let until), .unreadable(let until):
                if note(key, blockedUntilMillis: until) { timer = until }
            case .empty, .deadLetters: break
            }
            mustList = state.mustList()
            return outcome
        }
        if mustList { delivery.journal.list(subscription) }
        if let timer { timers.schedule(.queue(key), atMillis: timer) }
        guard case .deadLetters(let letters) = outcome else { return }
        for letter in letters {
            delivery.move(letter, of: subscription) { [weak self] _ in self?.look(at: key) }
        }
    }

    /// Has others look at what a client left, or cannot take as it is gone.
    private func passOn(_ key: LiteClientKey, topic: String) {
        let now = nowMillis
        let woken = state.withLockedValue { state -> [Waiter] in
            guard state.subscriptions.hasReady(key) else { return [] }
            if let waiter = state.waiters.wakeOne(key: key) { return [waiter] }
            var woken: [Waiter] = []
            for queue in state.subscriptions.ready(key).prefix(Self.passedOnMax) {
                let keys = state.subscriptions.offer(queue, topic: topic, group: key.group).filter { $0 != key }
                woken += Self.wake(keys, queue, &state, nowMillis: now)
            }
            return woken
        }
        run(woken)
    }

    /// Lite topics for which others are woken when a client leaves some: each of those passes on in turn.
    private static var passedOnMax: Int { 16 }
}
