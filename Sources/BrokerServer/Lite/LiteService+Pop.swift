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
            try checkBroker()
            try checkSizes(request)
            let group = try checkReadable(topic: request.topic, group: request.group)
            attempt(
                Waiter(
                    request: request, maxAttempts: group.attemptCountMax, deadlineMillis: deadlineMillis,
                    completion: completion))
        } catch {
            completion(.failed(error))
        }
    }

    /// Notes what an answer hands out for long, before it is written, as ``DeliveryService`` does for ordinary pops.
    package func willAnswer(
        _ batch: PopBatch, to request: LitePopRequest, connectionID: UInt64, isGone: () -> Bool
    ) {
        delivery.willAnswer(
            batch, group: request.group, topic: request.topic, connectionID: connectionID, isGone: isGone
        ) { [weak self] in self?.look(at: $0) }
    }

    private func checkSizes(_ request: LitePopRequest) throws(ServiceError) {
        guard request.maxCount >= 1, request.maxCount <= delivery.configuration.popCountMax else {
            throw ServiceError(
                code: .invalidParameter,
                message: "maxMsgNum \(request.maxCount) is not between 1 and \(delivery.configuration.popCountMax)")
        }
        try DeliveryService.checkInvisible(request.invisibleMillis)
    }

    /// Checks what comes first with Apache's PopLiteMessageProcessor; ``checkReadable(topic:group:)`` comes last.
    func checkBroker() throws(ServiceError) {
        guard delivery.dependencies.isReadable() else {
            throw ServiceError(code: .noPermission, message: "the broker does not allow reading")
        }
    }

    /// The group, when it may read the parent topic.
    func checkReadable(topic name: String, group: String) throws(ServiceError) -> SubscriptionGroupConfig {
        guard let topic = dependencies.topic(name) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(name)] not exist, apply first please!")
        }
        guard topic.permission.contains(.read) else {
            throw ServiceError(code: .noPermission, message: "the topic[\(name)] does not allow reading")
        }
        guard topic.messageType == .lite else {
            throw ServiceError(code: .invalidParameter, message: "the topic[\(name)] is not of the type LITE")
        }
        guard !delivery.dependencies.isForbidden(group, name) else {
            throw ServiceError(
                code: .noPermission, message: "the consumer group[\(group)] is forbidden for topic[\(name)]")
        }
        return try boundGroup(group, topic: name)
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
        var pass = LitePass(waiter, delivery: delivery, nowMillis: now)
        for queue in fetched(waiter) where !pass.isFull { take(queue, of: key.group, into: &pass) }
        var waiter = waiter
        waiter.fetched = []
        let turn = fill(&pass, for: waiter)
        if turn == .settled { return }
        let (cold, mayHaveMore) = (pass.cold, turn == .unfinished || pass.isFull)
        if pass.messages.isEmpty {
            if cold.isEmpty {
                // Others may have all that is offered, and more is offered than it looks at: that must come to an end.
                guard now - waiter.deadlineMillis > DeliveryService.latenessMillisMax else { return goOn(waiter) }
                waiter.completion(.timedOut(empty(waiter.request, now)))
                return passOn(key, topic: waiter.request.topic)
            }
            warm(cold, for: waiter)
            // The disk takes its time, or has none: what is left is for others meanwhile.
            if mayHaveMore { passOn(key, topic: waiter.request.topic) }
            return
        }
        if !cold.isEmpty { warm(cold, of: waiter) }
        let batch = pass.batch()
        delivery.dependencies.statistics?.countDelivered(
            topic: waiter.request.topic, group: key.group, count: batch.messages.count,
            bytes: batch.body.readableBytes, nowMillis: now)
        waiter.completion(.found(batch))
        if mayHaveMore { passOn(key, topic: waiter.request.topic) }
    }

    /// How a turn of looking at lite topics ended.
    private enum Turn {
        /// The request waits, or has been answered.
        case settled
        /// It gets what it has.
        case finished
        /// There are more to look at.
        case unfinished
    }

    /// Thousands of lite topics may be blocked, or empty by now: other requests of the loop must have their turn.
    static var looksPerTurn: Int { 256 }

    private func fill(_ pass: inout LitePass, for waiter: Waiter) -> Turn {
        for _ in 0..<Self.looksPerTurn {
            let isEmpty = pass.messages.isEmpty && pass.cold.isEmpty
            guard !pass.isFull, let next = next(waiter, canPark: isEmpty, nowMillis: pass.nowMillis) else {
                return .finished
            }
            guard case .look(let queue, let isUnseen) = next else { return .settled }
            // Of what is done nobody needs an account.
            if isUnseen, !isWaiting(queue, for: waiter.key.group) { continue }
            take(queue, of: waiter.key.group, into: &pass)
        }
        return .unfinished
    }

    /// Lets a request look at what there is, when its loop has done what waits there.
    func goOn(_ waiter: Waiter) {
        guard let eventLoop = waiter.request.eventLoop else { return attempt(waiter) }
        eventLoop.execute { self.attempt(waiter) }
    }

    /// Has messages fetched for a request, which goes on then.
    private func warm(_ cold: [ColdStretch], for waiter: Waiter) {
        let isQueued = delivery.fetch(cold) { [self] warmed in
            var waiter = waiter
            waiter.warmed.add(warmed)
            waiter.fetched = Self.queues(warmed.map(\.topic))
            giveBack(cold, of: waiter, wakes: true)
            goOn(waiter)
        }
        guard !isQueued else { return }
        giveBack(cold, of: waiter, wakes: false)
        waiter.completion(.failed(DeliveryService.tooManyReads))
    }

    /// Has messages fetched for the next request: this one has others.
    private func warm(_ cold: [ColdStretch], of waiter: Waiter) {
        let isQueued = delivery.fetch(cold) { [self] _ in giveBack(cold, of: waiter, wakes: true) }
        if !isQueued { giveBack(cold, of: waiter, wakes: false) }
    }

    /// Lite topics that were looked at in vain are looked at again, but for those that were deleted meanwhile.
    private func giveBack(_ cold: [ColdStretch], of waiter: Waiter, wakes: Bool) {
        let (topic, group) = (waiter.request.topic, waiter.request.group)
        for queue in Self.queues(cold.map(\.topic)) {
            guard state.withLockedValue({ $0.index.contains(queue: queue, parent: topic) }) else { continue }
            if wakes {
                offer(queue, parent: topic, group: group)
            } else {
                state.withLockedValue { _ = $0.subscriptions.offer(queue, topic: topic, group: group) }
            }
        }
    }

    /// Each once, where those of one stand together.
    private static func queues(_ cold: [String]) -> [String] {
        var queues: [String] = []
        for queue in cold where queues.last != queue { queues.append(queue) }
        return queues
    }

    /// What was fetched for a request, and its client still has.
    private func fetched(_ waiter: Waiter) -> [String] {
        guard !waiter.fetched.isEmpty else { return [] }
        return state.withLockedValue { state in
            waiter.fetched.filter {
                state.subscriptions.has($0, waiter.key) && !state.deleting.contains($0)
            }
        }
    }

    private enum Next {
        /// Look at this lite topic, which may have nothing for the group when nobody has looked at it.
        case look(String, isUnseen: Bool)
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
            if let (queue, isUnseen) = state.takeNext(waiter.key, topic: waiter.request.topic) {
                return .look(queue, isUnseen: isUnseen)
            }
            guard canPark else { return nil }
            let empty = empty(waiter.request, nowMillis)
            if !mayWait {
                answer = .timedOut(empty)
            } else if state.waitingCount >= delivery.configuration.waitersMax
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
        // It may have been deleted since it was offered: nobody would forget a ledger that is made of it now.
        guard delivery.dependencies.store.bounds(topic: queue, queueID: 0).max > 0 else { return }
        let key = SubscriptionKey(group: group, topic: queue)
        let subscription = delivery.table.findOrMake(key)
        var mustList = false
        var timer: Int64?
        let outcome = subscription.withState { state in
            let outcome = pass.take(queue, &state)
            switch outcome {
            case .taken(let until), .blocked(let until), .unreadable(let until):
                if note(key, blockedUntilMillis: until) { timer = until }
            case .empty, .cold, .deadLetters: break
            }
            mustList = state.mustList()
            return outcome
        }
        if mustList { delivery.journal.list(subscription) }
        if let timer { timers.schedule(.queue(key), atMillis: timer) }
        guard case .deadLetters(let letters) = outcome else { return }
        for letter in letters {
            delivery.moveWarm(letter, of: subscription) { [weak self] _ in self?.look(at: key) }
        }
    }

    /// Has others look at what a client left, or cannot take as it is gone.
    private func passOn(_ key: LiteClientKey, topic: String) {
        let now = nowMillis
        let woken = state.withLockedValue { state -> Woken in
            guard state.subscriptions.hasReady(key) else { return Woken() }
            var woken = state.wake(key)
            if !woken.pops.isEmpty { return woken }
            var passedOn = 0
            for queue in state.subscriptions.ready(key, max: Self.looksPerTurn) where passedOn < Self.passedOnMax {
                // Nobody can use what is blocked: it is offered when it is not any more.
                if state.isBlocked(queue, of: key.group, nowMillis: now) { continue }
                passedOn += 1
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
