/// When one producer sends: as fast as its window allows, or at a fixed rate. Pure; times are nanoseconds of any clock.
///
/// At a fixed rate a message that cannot leave in time keeps its planned time, from which latency is counted: a slow
/// server is charged for the messages that it held up, not only for those it answered ("coordinated omission").
package struct SendSchedule: Hashable, Sendable {
    /// Nanoseconds between two sends; nil is as fast as the window allows.
    package let intervalNanos: UInt64?
    /// Most messages without an answer.
    package let windowMax: Int
    /// Messages leave when a multiple of so many nanoseconds comes, all that are due by then; 0 sends each when it is due.
    private let stepNanos: UInt64
    private let startNanos: UInt64
    private let endNanos: UInt64
    private var sentCount: UInt64 = 0
    private var inFlight = 0

    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Send a message that was due at that time.
        case send(plannedNanos: UInt64)
        /// Nothing before that time.
        case waitUntil(nanos: UInt64)
        /// Nothing before an answer comes.
        case waitForAnswer
        /// No more will be sent.
        case finished
    }

    /// A schedule from `startNanos` until before `endNanos`.
    package init(
        startNanos: UInt64, endNanos: UInt64, intervalNanos: UInt64?, windowMax: Int, stepNanos: UInt64 = 0
    ) {
        self.startNanos = startNanos
        self.endNanos = endNanos
        self.intervalNanos = intervalNanos
        self.windowMax = windowMax
        self.stepNanos = stepNanos
    }

    /// Messages that wait for an answer.
    package var inFlightCount: Int { inFlight }

    /// The next step; `.send` counts as done.
    package mutating func next(nowNanos: UInt64) -> Step {
        guard nowNanos < endNanos else { return .finished }
        let planned = intervalNanos.map { startNanos + sentCount * $0 } ?? max(nowNanos, startNanos)
        if planned >= endNanos { return .finished }
        if planned > nowNanos { return .waitUntil(nanos: wakeNanos(for: planned)) }
        guard inFlight < windowMax else { return .waitForAnswer }
        sentCount += 1
        inFlight += 1
        return .send(plannedNanos: planned)
    }

    /// The step at which a planned message leaves; the last ones do not wait for one behind the end.
    private func wakeNanos(for planned: UInt64) -> UInt64 {
        guard stepNanos > 0 else { return planned }
        let step = (planned + stepNanos - 1) / stepNanos * stepNanos
        return step < endNanos ? step : planned
    }

    /// An answer came, or will not come any more.
    package mutating func answered() {
        inFlight -= 1
    }
}
