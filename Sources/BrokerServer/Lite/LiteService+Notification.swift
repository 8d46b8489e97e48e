import DeliveryEngine
import MessageModel

extension LiteService {
    /// Says whether a client has lite topics to look at, now or within the time; the completion runs exactly once. As with
    /// Apache's broker that is no promise: a pop may find that another client has them.
    package func notification(
        _ request: LitePopRequest, completion: @escaping @Sendable (NotificationOutcome) -> Void
    ) {
        let now = nowMillis
        let deadlineMillis = delivery.deadlineMillis(
            bornMillis: request.bornMillis, pollMillis: request.pollMillis, nowMillis: now)
        do throws(ServiceError) {
            try checkBroker()
            _ = try checkReadable(topic: request.topic, group: request.group)
        } catch {
            return completion(.failed(error))
        }
        let key = LiteClientKey(group: request.group, clientID: request.clientID)
        let (answer, timer) = state.withLockedValue { state -> (NotificationOutcome?, Int64?) in
            state.subscriptions.saw(key, nowMillis: now)
            if state.subscriptions.hasReady(key) { return (.answered(hasMessage: true), nil) }
            guard deadlineMillis > now, !isStopping else { return (.answered(hasMessage: false), nil) }
            guard state.waitingCount < delivery.configuration.waitersMax,
                state.questions.park(
                    key: key, deadlineMillis: deadlineMillis, capacity: 1,
                    Question(completion: completion)) != nil
            else { return (.pollingFull, nil) }
            return (nil, Self.bookWaiters(&state))
        }
        if let timer { timers.schedule(.waiters, atMillis: timer) }
        if let answer { completion(answer) }
    }
}
