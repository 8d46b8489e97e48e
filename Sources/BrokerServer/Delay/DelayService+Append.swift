import NIOConcurrencyHelpers
import StorageEngine

extension DelayService {
    /// Appends messages in their order and waits until they are at their durability point.
    ///
    /// Stops at the first that fails for a reason that may pass; `done` counts those before it. A message that can never
    /// be stored counts as done, so that it does not hold up the others; it is reported.
    func append(_ messages: [StoreMessage]) -> (done: Int, failure: StoreError?) {
        let appends = PendingAppends(count: messages.count)
        var started = 0
        for (index, message) in messages.enumerated() {
            started += 1
            appendOne(message) { appends.finish(index, $0) }
            if let failure = appends.failure(of: index), !settle(failure, message, index, appends) { break }
        }
        appends.wait(count: started)
        for index in 0..<started {
            guard let failure = appends.failure(of: index) else { continue }
            if Self.isPermanent(failure) { continue }
            return (index, failure)
        }
        return (started, nil)
    }

    /// Whether those behind a message that failed can be tried.
    private func settle(
        _ failure: StoreError, _ message: StoreMessage, _ index: Int, _ appends: PendingAppends
    ) -> Bool {
        if failure.code == .notWritable {
            // Its queue was deleted while the message was on its way: the topic gets a new one.
            appends.restart(index)
            appendOne(message) { appends.finish(index, $0) }
        }
        guard let failure = appends.failure(of: index) else { return true }
        guard Self.isPermanent(failure) else { return false }
        logger.error(
            "delayed message is lost, as its topic cannot take it",
            metadata: ["topic": "\(message.topic)", "queue": "\(message.queueId)", "error": "\(failure)"])
        return true
    }

    private static func isPermanent(_ failure: StoreError) -> Bool {
        switch failure.code {
        case .messageTooLarge, .propertiesTooLarge, .illegalMessage, .notWritable: true
        case .diskFull, .fenced, .flushTimeout, .shutdown, .busy, .io, .refused: false
        }
    }
}

/// Appends under way, and a thread that waits for them.
private final class PendingAppends: Sendable {
    private enum Outcome: Sendable {
        case none
        case stored
        case failed(StoreError)
    }

    private struct State {
        var outcomes: [Outcome]
        var finished = 0
        /// What the waiting thread waits for; nil while it does not.
        var expected: Int?
    }

    private let state: NIOLockedValueBox<State>
    private let isDone = ConditionLock(value: 0)

    init(count: Int) {
        state = NIOLockedValueBox(State(outcomes: [Outcome](repeating: .none, count: count)))
    }

    func finish(_ index: Int, _ outcome: AppendOutcome) {
        let isLast = state.withLockedValue { state in
            switch outcome {
            case .stored: state.outcomes[index] = .stored
            // It is in the log, and the progress is saved only when that is on the disk: a second copy would be one too
            // many.
            case .failed(let error) where error.code == .flushTimeout: state.outcomes[index] = .stored
            case .failed(let error): state.outcomes[index] = .failed(error)
            }
            state.finished += 1
            return state.finished == state.expected
        }
        guard isLast else { return }
        isDone.lock()
        isDone.unlock(withValue: 1)
    }

    /// The append is tried again: it will finish once more.
    func restart(_ index: Int) {
        state.withLockedValue { state in
            state.outcomes[index] = .none
            state.finished -= 1
        }
    }

    func wait(count: Int) {
        let mustWait = state.withLockedValue { state in
            state.expected = count
            return state.finished < count
        }
        guard mustWait else { return }
        isDone.lock(whenValue: 1)
        isDone.unlock()
    }

    func failure(of index: Int) -> StoreError? {
        state.withLockedValue { state in
            guard case .failed(let error) = state.outcomes[index] else { return nil }
            return error
        }
    }
}
