import NIOConcurrencyHelpers

/// Whether this proxy can do anything for a client: a name server and a broker answer, and it is not being stopped.
package final class Readiness: Sendable {
    private struct State {
        var isAnswered = false
        var isDraining = false
        var observers: [Int: @Sendable (Bool) -> Void] = [:]
        var nextObserver = 0

        var isReady: Bool { isAnswered && !isDraining }
    }

    private let state = NIOLockedValueBox(State())

    /// Not ready until told otherwise.
    package init() {}

    /// Whether clients should come.
    package var isReady: Bool { state.withLockedValue { $0.isReady } }

    /// Notes whether a name server and a broker answered when they were asked last; returns whether that is news.
    @discardableResult
    package func note(isAnswered: Bool) -> Bool {
        change { $0.isAnswered = isAnswered }
    }

    /// The proxy stops: not ready any more, whatever answers.
    package func drain() {
        change { $0.isDraining = true }
    }

    @discardableResult
    private func change(_ body: (inout State) -> Void) -> Bool {
        let (isReady, observers) = state.withLockedValue { state in
            let before = state.isReady
            body(&state)
            return (state.isReady, state.isReady == before ? nil : Array(state.observers.values))
        }
        for observer in observers ?? [] { observer(isReady) }
        return observers != nil
    }

    /// Calls back on every change, from any thread.
    func observe(_ observer: @escaping @Sendable (Bool) -> Void) {
        state.withLockedValue { state in
            state.observers[state.nextObserver] = observer
            state.nextObserver += 1
        }
    }
}
