import DeliveryEngine
import MessageModel

extension DeliveryService {
    /// Marks a message as done for its group. Success also when it was done before.
    ///
    /// A handle of an earlier delivery is accepted, since it says that the work is done; for an ordered one it is not,
    /// and the answer is `noMessage`, as it is for a message that was never handed out.
    package func ack(_ request: AckRequest) throws(ServiceError) {
        let bounds = try checkHandle(topic: request.topic, queueID: request.queueID)
        guard request.offset >= bounds.min, request.offset <= bounds.max else {
            throw Self.illegalOffset(request.topic, request.queueID, request.offset, bounds)
        }
        guard let subscription = table.find(SubscriptionKey(group: request.group, topic: request.topic)) else {
            throw Self.unknownHandle(request.topic, request.queueID, request.offset)
        }
        let now = dependencies.nowMillis()
        var woken: [WokenWaiter] = []
        var mustList = false
        let outcome = subscription.withState { state in
            let outcome = state.ack(
                queueID: request.queueID, offset: request.offset, popMillis: request.popMillis,
                isOrdered: request.isOrdered, storedMillis: { storedMillis(request.topic, request.queueID, $0) })
            woken = waiterAfterAck(
                outcome == .acked(opensQueue: true), (request.queueID, request.isOrdered), &state,
                maxOffset: bounds.max, nowMillis: now)
            mustList = state.mustList()
            return outcome
        }
        if mustList { journal.list(subscription) }
        run(woken)
        switch outcome {
        case .acked:
            dependencies.statistics?.count(
                .groupAck(topic: request.countedTopic, group: request.group), messages: 1, nowMillis: now)
        case .alreadyDone: return
        case .staleHandle, .neverDelivered:
            throw Self.unknownHandle(request.topic, request.queueID, request.offset)
        }
    }

    /// Marks several messages of one queue as done; offsets outside the queue, or never handed out, are passed over. Answers
    /// how many were.
    @discardableResult
    package func ack(
        group: String, topic: String, queueID: Int32, offsets: some Sequence<Int64>, popMillis: Int64, isOrdered: Bool
    ) throws(ServiceError) -> Int {
        let bounds = try checkHandle(topic: topic, queueID: queueID)
        guard let subscription = table.find(SubscriptionKey(group: group, topic: topic)) else {
            return offsets.reduce(0) { count, _ in count + 1 }
        }
        let now = dependencies.nowMillis()
        var woken: [WokenWaiter] = []
        var mustList = false
        var ackedCount = 0
        var refusedCount = 0
        subscription.withState { state in
            var opens = false
            for offset in offsets {
                guard offset >= bounds.min, offset <= bounds.max else {
                    refusedCount += 1
                    continue
                }
                let outcome = state.ack(
                    queueID: queueID, offset: offset, popMillis: popMillis, isOrdered: isOrdered,
                    storedMillis: { storedMillis(topic, queueID, $0) })
                switch outcome {
                case .acked(let opensQueue):
                    ackedCount += 1
                    opens = opens || opensQueue
                case .alreadyDone: break
                case .staleHandle, .neverDelivered: refusedCount += 1
                }
            }
            woken = waiterAfterAck(
                opens, (queueID, isOrdered), &state, maxOffset: bounds.max, nowMillis: now)
            mustList = state.mustList()
        }
        if mustList { journal.list(subscription) }
        if ackedCount > 0 {
            dependencies.statistics?.count(
                .groupAck(topic: topic, group: group), messages: ackedCount, nowMillis: now)
        }
        run(woken)
        return refusedCount
    }

    /// Changes when a message may be delivered again, from now on; 0 is at once.
    ///
    /// Any handle of the current delivery will do, and stays good. For a message that is done, or that somebody else
    /// holds now, the answer is `noMessage`.
    package func changeInvisible(
        _ request: AckRequest, handleReviveQueueID: Int32, invisibleMillis: Int64
    ) throws(ServiceError) -> ChangedHandle {
        let bounds = try checkHandle(topic: request.topic, queueID: request.queueID)
        guard request.offset >= bounds.min, request.offset < bounds.max else {
            throw Self.illegalOffset(request.topic, request.queueID, request.offset, bounds)
        }
        try Self.checkInvisible(invisibleMillis)
        guard let subscription = table.find(SubscriptionKey(group: request.group, topic: request.topic)) else {
            throw Self.unknownHandle(request.topic, request.queueID, request.offset)
        }
        let now = dependencies.nowMillis()
        var woken: [WokenWaiter] = []
        var timer: (subscription: Subscription, millis: Int64)?
        var mustList = false
        let outcome = subscription.withState { state in
            let outcome = state.changeInvisible(
                request, visibleAtMillis: now + invisibleMillis,
                storedMillis: { storedMillis(request.topic, request.queueID, $0) })
            if case .changed(let atMillis) = outcome, state.hasWaiters {
                if atMillis <= now {
                    woken = takeOneWaiter(&state, queueID: request.queueID, nowMillis: now)
                } else {
                    state.recheckAtMillis = min(state.recheckAtMillis, atMillis)
                    timer = nextTimer(&state, subscription)
                }
            }
            mustList = state.mustList()
            return outcome
        }
        if mustList { journal.list(subscription) }
        if let timer { timers.schedule(timer.subscription, atMillis: timer.millis) }
        run(woken)
        guard case .changed(let atMillis) = outcome else {
            throw Self.unknownHandle(request.topic, request.queueID, request.offset)
        }
        // An ordered pop keeps its pop time, by which its acknowledgements are matched.
        let popMillis = request.isOrdered ? request.popMillis : now
        return ChangedHandle(
            popMillis: popMillis, invisibleMillis: atMillis - popMillis, reviveQueueID: handleReviveQueueID)
    }

    // MARK: Parts

    func storedMillis(_ topic: String, _ queueID: Int32, _ offset: Int64) -> Int64? {
        dependencies.store.storedMillis(topic: topic, queueID: queueID, offset: offset)
    }

    private func checkHandle(topic name: String, queueID: Int32) throws(ServiceError) -> (min: Int64, max: Int64) {
        guard let topic = dependencies.topic(name) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(name)] not exist, apply first please!")
        }
        guard queueID >= 0, queueID < topic.readQueueCount else {
            throw ServiceError(
                code: .messageIllegal,
                message: "queueId[\(queueID)] is illegal, topic:[\(name)] readQueueNums:[\(topic.readQueueCount)]")
        }
        return dependencies.store.bounds(topic: name, queueID: queueID)
    }

    private static func illegalOffset(
        _ topic: String, _ queueID: Int32, _ offset: Int64, _ bounds: (min: Int64, max: Int64)
    ) -> ServiceError {
        ServiceError(
            code: .noMessage,
            message: "offset is illegal, key:\(topic)@\(queueID), commit:\(offset), store:\(bounds.min)~\(bounds.max)")
    }

    private static func unknownHandle(_ topic: String, _ queueID: Int32, _ offset: Int64) -> ServiceError {
        ServiceError(
            code: .noMessage,
            message: "the receipt handle is of no delivery in progress, key:\(topic)@\(queueID), offset:\(offset)")
    }

    /// Takes out a request that can go on because of an acknowledgement. Under the lock.
    private func waiterAfterAck(
        _ opensQueue: Bool, _ request: (queueID: Int32, isOrdered: Bool), _ state: inout SubscriptionState,
        maxOffset: Int64, nowMillis: Int64
    ) -> [WokenWaiter] {
        guard state.hasWaiters, opensQueue || request.isOrdered,
            let ledger = state.queue(request.queueID)?.ledger,
            state.isOpen(queueID: request.queueID, isOrdered: request.isOrdered, nowMillis: nowMillis)
        else { return [] }
        let isLeft = ledger.nextOffset < maxOffset || (request.isOrdered && opensQueue)
        return isLeft ? takeOneWaiter(&state, queueID: request.queueID, nowMillis: nowMillis) : []
    }
}

extension SubscriptionState {
    mutating func ack(
        queueID: Int32, offset: Int64, popMillis: Int64, isOrdered: Bool, storedMillis: (Int64) -> Int64?
    ) -> AckOutcome {
        let index = Int(queueID)
        guard !isRemoved, index < queues.count,
            queues[index]?.isOfLostMessage(offset: offset, popMillis: popMillis, storedMillis: storedMillis) == false,
            let outcome = queues[index]?.ledger.ack(offset: offset, popMillis: popMillis, isOrdered: isOrdered)
        else { return .neverDelivered }
        if case .acked = outcome { record(.done(offset: offset), queueID: queueID) }
        return outcome
    }

    mutating func changeInvisible(
        _ request: AckRequest, visibleAtMillis: Int64, storedMillis: (Int64) -> Int64?
    ) -> ChangeOutcome {
        let index = Int(request.queueID)
        guard !isRemoved, index < queues.count,
            queues[index]?.isOfLostMessage(
                offset: request.offset, popMillis: request.popMillis, storedMillis: storedMillis) == false,
            let outcome = queues[index]?.ledger.changeInvisible(
                offset: request.offset, popMillis: request.popMillis, visibleAtMillis: visibleAtMillis)
        else { return .neverDelivered }
        if case .changed = outcome {
            record(.visible(offset: request.offset, atMillis: visibleAtMillis), queueID: request.queueID)
        }
        return outcome
    }

    /// Whether the caller has to tell the journal of unwritten changes.
    mutating func mustList() -> Bool {
        guard !isListed, !unwritten.isEmpty else { return false }
        isListed = true
        return true
    }
}
