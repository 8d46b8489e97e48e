/// When one producer sends: as fast as its window allows, or at a fixed rate. Pure; times are nanoseconds of any clock.
///
/// At a fixed rate a message that cannot leave in time keeps its planned time, from which latency is counted: a slow
/// server is charged for the messages that it held up, not only for those it answered ("coordinated omission").
package struct SendSchedule: Hashable, Sendable {
    /// Nanoseconds between two sends; nil is as fast as the window allows.
    package let intervalNanos: UInt64?
    /// Most messages without an answer.
    package let windowMax: Int
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
    package init(startNanos: UInt64, endNanos: UInt64, intervalNanos: UInt64?, windowMax: Int) {
        self.startNanos = startNanos
        self.endNanos = endNanos
        self.intervalNanos = intervalNanos
        self.windowMax = windowMax
    }

    /// Messages that wait for an answer.
    package var inFlightCount: Int { inFlight }

    /// The next step; `.send` counts as done.
    package mutating func next(nowNanos: UInt64) -> Step {
        guard nowNanos < endNanos else { return .finished }
        let planned = intervalNanos.map { startNanos + sentCount * $0 } ?? max(nowNanos, startNanos)
        if planned >= endNanos { return .finished }
        if planned > nowNanos { return .waitUntil(nanos: planned) }
        guard inFlight < windowMax else { return .waitForAnswer }
        sentCount += 1
        inFlight += 1
        return .send(plannedNanos: planned)
    }

    /// An answer came, or will not come any more.
    package mutating func answered() {
        inFlight -= 1
    }
}
