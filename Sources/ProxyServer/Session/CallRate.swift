/// So many calls a second over the whole proxy: a second's worth may come at once, then one each interval. Without a table
/// of callers, so there is nothing to bound. Pure: time is handed in.
struct CallRate: Sendable {
    /// Calls that may come at once count for this time.
    private static let burstNanos: Int64 = 1_000_000_000
    private let intervalNanos: Int64
    /// When all calls that were let through would be over, had they come one each interval.
    private var busyUntilNanos = Int64.min / 2

    /// At most so many calls a second, 1 to a billion.
    init(perSecond: Int) {
        precondition((1...1_000_000_000).contains(perSecond), "a rate is between 1 and a billion")
        intervalNanos = Self.burstNanos / Int64(perSecond)
    }

    /// Whether one more call may go through, which is then counted.
    mutating func admits(nowMillis: Int64) -> Bool {
        let now = nowMillis * 1_000_000
        let until = max(busyUntilNanos, now)
        guard until + intervalNanos - now <= Self.burstNanos else { return false }
        busyUntilNanos = until + intervalNanos
        return true
    }
}
