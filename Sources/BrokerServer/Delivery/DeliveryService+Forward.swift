import DeliveryEngine
import MessageModel

extension DeliveryService {
    /// Moves a message that a consumer gives up to the group's dead-letter queue; success also when it is done already.
    ///
    /// Any handle of the current delivery will do. The completion runs exactly once, on any thread.
    package func deadLetter(
        _ request: AckRequest, completion: @escaping @Sendable (ServiceError?) -> Void
    ) {
        guard let subscription = table.find(SubscriptionKey(group: request.group, topic: request.topic)) else {
            return completion(Self.notInProgress(request))
        }
        let holdUntilMillis = dependencies.nowMillis() + configuration.ledger.deadLetterHoldMillis
        var mustList = false
        let (outcome, attempt) = subscription.withState { state in
            // Nobody else gets it while it moves; when the move fails, it comes again.
            let outcome = state.changeInvisible(
                request, visibleAtMillis: holdUntilMillis,
                storedMillis: { storedMillis(request.topic, request.queueID, $0) })
            mustList = state.mustList()
            return (outcome, state.queue(request.queueID)?.ledger.entry(offset: request.offset)?.attempt ?? 1)
        }
        if mustList { journal.list(subscription) }
        switch outcome {
        case .alreadyDone: completion(nil)
        case .staleHandle, .neverDelivered: completion(Self.notInProgress(request))
        case .changed:
            let deadLetter = DeadLetter(queueID: request.queueID, offset: request.offset, attempt: attempt)
            move(deadLetter, of: subscription, completion: completion)
        }
    }

    private static func notInProgress(_ request: AckRequest) -> ServiceError {
        ServiceError(
            code: .noMessage,
            message: "the receipt handle is of no delivery in progress, key:\(request.topic)@\(request.queueID), "
                + "offset:\(request.offset)")
    }
}
