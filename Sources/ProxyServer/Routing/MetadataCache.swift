import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages

/// What is known about a name.
package enum MetadataState<Value: Sendable>: Sendable {
    case found(Value)
    /// There is no such topic or group.
    case absent
    case failed(ProxyError)
}

/// Routes and group configurations of all loops: immutable values, fetched once for all who wait, refreshed in the
/// background while somebody uses them. A value stays in use while its refresh fails.
package final class MetadataCache<Value: Sendable>: Sendable {
    package typealias Fetch = @Sendable (String) async throws(ProxyError) -> Value?

    private struct Slot {
        var state: MetadataState<Value>?
        /// When the state stops being an answer (absent, failed) or wants a refresh (found).
        var dueMillis: Int64 = 0
        var usedMillis: Int64 = 0
        var isFetching = false
        var waiters: [@Sendable () -> Void] = []
    }

    private struct State {
        var slots: [String: Slot] = [:]
        var fetchCount = 0
    }

    private let state = NIOLockedValueBox(State())
    private let fetch: Fetch
    private let clock: ProxyClock
    private let limits: MetadataLimits

    /// An empty cache over `fetch`.
    package init(clock: ProxyClock, limits: MetadataLimits = MetadataLimits(), fetch: @escaping Fetch) {
        self.clock = clock
        self.limits = limits
        self.fetch = fetch
    }

    /// What is known now; `nil` when it has to be fetched first. Then `whenKnown` is called once, on `eventLoop`.
    package func lookup(
        _ name: String, on eventLoop: any EventLoop, whenKnown: @escaping @Sendable () -> Void
    ) -> MetadataState<Value>? {
        let now = clock.uptimeMillis()
        let (answer, mustFetch) = state.withLockedValue { state -> (MetadataState<Value>?, Bool) in
            var slot = state.slots[name] ?? Slot()
            if slot.state == nil, !slot.isFetching,
                state.fetchCount >= limits.fetchCountMax || state.slots.count >= limits.entryCountMax
            {
                return (.failed(ProxyError(.tooManyRequests, "too many names are being looked up")), false)
            }
            slot.usedMillis = now
            defer { state.slots[name] = slot }
            let isDue = now >= slot.dueMillis
            var mustFetch = false
            if isDue, !slot.isFetching, state.fetchCount < limits.fetchCountMax {
                slot.isFetching = true
                state.fetchCount += 1
                mustFetch = true
            }
            switch slot.state {
            case .found: return (slot.state, mustFetch)
            case .absent, .failed: if !isDue { return (slot.state, mustFetch) }
            case nil: break
            }
            guard slot.isFetching else { return (slot.state, mustFetch) }
            slot.waiters.append { eventLoop.execute(whenKnown) }
            return (nil, mustFetch)
        }
        if mustFetch { startFetch(name) }
        return answer
    }

    /// Asks for a fresh value soon, because the one in use turned out wrong. Not more than once in a while per name.
    package func refresh(_ name: String) {
        let now = clock.uptimeMillis()
        state.withLockedValue { state in
            guard var slot = state.slots[name], case .found = slot.state else { return }
            // The next look-up fetches; the wait that a fresh value has had keeps failing sends from asking all the time.
            guard slot.dueMillis - now < limits.refreshMillis - limits.refreshMillisMin else { return }
            slot.dueMillis = now
            state.slots[name] = slot
        }
    }

    private func startFetch(_ name: String) {
        Task { [self] in
            let result: MetadataState<Value>
            do throws(ProxyError) {
                result = try await fetch(name).map { .found($0) } ?? .absent
            } catch {
                result = .failed(error)
            }
            finishFetch(name, result)
        }
    }

    private func finishFetch(_ name: String, _ result: MetadataState<Value>) {
        let now = clock.uptimeMillis()
        let waiters = state.withLockedValue { state in
            state.fetchCount -= 1
            var slot = state.slots[name] ?? Slot(usedMillis: now)
            slot.isFetching = false
            switch (slot.state, result) {
            case (.found, .failed): slot.dueMillis = now + limits.failedMillis
            case (_, .failed):
                slot.state = result
                slot.dueMillis = now + limits.failedMillis
            case (_, .absent):
                slot.state = result
                slot.dueMillis = now + limits.absentMillis
            case (_, .found):
                slot.state = result
                slot.dueMillis = now + limits.refreshMillis
            }
            defer { slot.waiters = [] }
            let waiters = slot.waiters
            slot.waiters = []
            state.slots[name] = slot
            return waiters
        }
        for waiter in waiters { waiter() }
    }

    /// Forgets names that nobody used for a while. Called about once a second.
    package func sweep() {
        let now = clock.uptimeMillis()
        state.withLockedValue { state in
            let isCrowded = state.slots.count >= limits.entryCountMax / 2
            state.slots = state.slots.filter { entry in
                if entry.value.isFetching { return true }
                switch entry.value.state {
                case .found: return now - entry.value.usedMillis < (isCrowded ? 10_000 : limits.unusedMillisMax)
                case .absent, .failed, nil: return now < entry.value.dueMillis
                }
            }
        }
    }

    /// Names known now.
    package var count: Int { state.withLockedValue { $0.slots.count } }
}

/// Times and bounds of a metadata cache.
package struct MetadataLimits: Sendable {
    /// Names at most.
    package var entryCountMax = 20_000
    /// Fetches under way at most.
    package var fetchCountMax = 512
    /// Age at which a value in use is fetched again.
    package var refreshMillis: Int64 = 20_000
    /// Least time between two fetches of a value that proved wrong.
    package var refreshMillisMin: Int64 = 1_000
    /// How long "no such name" is believed.
    package var absentMillis: Int64 = 1_000
    /// How long a failure is answered to everybody.
    package var failedMillis: Int64 = 500
    /// A name nobody used for so long is forgotten.
    package var unusedMillisMax: Int64 = 300_000

    /// The defaults.
    package init() {}
}
