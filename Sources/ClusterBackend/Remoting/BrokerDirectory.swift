import MessageModel
import NIOConcurrencyHelpers
import ProtoMessages
import ProxyServer

/// Where the brokers of the cluster are, as the name server said a moment ago. What is known is answered at once; it is
/// refreshed in the background.
final class BrokerDirectory: Sendable {
    private struct State {
        var brokers: [String: BrokerRoute] = [:]
        var fetchedMillis: Int64?
        var isFetching = false
        var waiting: [@Sendable () -> Void] = []
    }

    /// Age from which on the next question has the list fetched again.
    private static let refreshMillis: Int64 = 5_000
    /// Time between two fetches for a name that is not in the list.
    private static let missMillis: Int64 = 500
    /// Questions that wait for a fetch.
    private static let waitingMax = 10_000

    private let metadata: ClusterMetadata
    private let clock: ProxyClock
    private let state = NIOLockedValueBox(State())

    init(metadata: ClusterMetadata, clock: ProxyClock) {
        self.metadata = metadata
        self.clock = clock
    }

    /// Runs `body` with the brokers by name: at once when they are known and `isGood` finds them so, else after a fetch,
    /// on any thread.
    func brokers(
        isGood: @escaping @Sendable ([String: BrokerRoute]) -> Bool,
        _ body: @escaping @Sendable ([String: BrokerRoute]) -> Void
    ) {
        enum Step {
            case answer([String: BrokerRoute], mustFetch: Bool)
            case wait(mustFetch: Bool)
        }
        let now = clock.uptimeMillis()
        let step = state.withLockedValue { state -> Step in
            let ageMillis = state.fetchedMillis.map { now - $0 } ?? .max
            let isGood = isGood(state.brokers)
            let mustFetch = !state.isFetching && ageMillis >= (isGood ? Self.refreshMillis : Self.missMillis)
            if mustFetch { state.isFetching = true }
            let isHopeless = ageMillis < Self.missMillis || state.waiting.count >= Self.waitingMax
            if isGood || isHopeless { return .answer(state.brokers, mustFetch: mustFetch) }
            state.waiting.append { [self] in body(self.state.withLockedValue { $0.brokers }) }
            return .wait(mustFetch: mustFetch)
        }
        switch step {
        case .answer(let brokers, let mustFetch):
            if mustFetch { fetch() }
            body(brokers)
        case .wait(let mustFetch):
            if mustFetch { fetch() }
        }
    }

    private func fetch() {
        Task {
            let fresh: [String: BrokerRoute]?
            do throws(ProxyError) { fresh = try await metadata.clusterRoutes() } catch { fresh = nil }
            let waiting = state.withLockedValue { state in
                state.isFetching = false
                // A failed fetch counts as one: what is known serves on, and nobody asks in a tight loop.
                state.fetchedMillis = clock.uptimeMillis()
                if let fresh { state.brokers = fresh }
                defer { state.waiting = [] }
                return state.waiting
            }
            for body in waiting { body() }
        }
    }
}
