/// Counts what a peer may legally do but should do seldom, and says when it is too much.
///
/// Each kind of event draws on its own token bucket, so that bursts pass and floods do not. A pure value: the time of each
/// event is handed in. It does not act; `HTTP2Session` ends the connection when `record` answers false.
package struct AbuseLimits: Sendable {
    /// A kind of event that is bounded.
    package enum Event: String, Sendable, CaseIterable {
        /// A stream reset by the client, or one we had to reset because of what the client sent.
        case reset
        /// A PING that is not an acknowledgement.
        case ping
        /// A SETTINGS frame that is not an acknowledgement.
        case settings
        /// A DATA frame without data that does not end its stream.
        case emptyData
        /// A PRIORITY frame.
        case priority
        /// A WINDOW_UPDATE frame.
        case windowUpdate
        /// A frame the library dropped as invalid.
        case invalidFrame
    }

    /// Burst size and refill of one bucket.
    package struct Rate: Sendable, Hashable {
        /// Events that may come at once.
        package var burst: Int
        /// Events a second that may come for ever.
        package var perSecond: Int

        /// A rate of `perSecond` with room for `burst` at once.
        package init(burst: Int, perSecond: Int) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }

    /// The rates of all buckets.
    package struct Configuration: Sendable {
        /// All calls in flight of a busy client may time out together, hence more than the concurrent streams.
        package var reset = Rate(burst: 1_500, perSecond: 100)
        /// Pings between two answers of ours; bandwidth probes follow answers and so are not bounded by this.
        package var ping = Rate(burst: 200, perSecond: 10)
        /// SETTINGS frames.
        package var settings = Rate(burst: 100, perSecond: 2)
        /// Empty DATA frames.
        package var emptyData = Rate(burst: 1_000, perSecond: 100)
        /// PRIORITY frames (browsers and load tools send a few each connection, some one a stream).
        package var priority = Rate(burst: 10_000, perSecond: 5_000)
        /// WINDOW_UPDATE frames between two answers of ours.
        package var windowUpdate = Rate(burst: 10_000, perSecond: 5_000)
        /// Invalid frames.
        package var invalidFrame = Rate(burst: 100, perSecond: 2)

        /// The defaults.
        package init() {}
    }

    private struct Bucket {
        let rate: Rate
        /// Thousandths of an event that may still come.
        var credit: Int

        init(_ rate: Rate) {
            self.rate = rate
            self.credit = rate.burst * 1_000
        }

        /// Events a second times milliseconds is thousandths of an event.
        mutating func refill(elapsedMillis: Int) {
            credit = min(rate.burst * 1_000, credit + min(elapsedMillis, 3_600_000) * rate.perSecond)
        }

        mutating func take() -> Bool {
            guard credit >= 1_000 else { return false }
            credit -= 1_000
            return true
        }

        mutating func fill() {
            credit = rate.burst * 1_000
        }
    }

    private var reset: Bucket
    private var ping: Bucket
    private var settings: Bucket
    private var emptyData: Bucket
    private var priority: Bucket
    private var windowUpdate: Bucket
    private var invalidFrame: Bucket
    private var refilledMillis: Int64

    /// Full buckets at `nowMillis`.
    package init(_ configuration: Configuration, nowMillis: Int64) {
        reset = Bucket(configuration.reset)
        ping = Bucket(configuration.ping)
        settings = Bucket(configuration.settings)
        emptyData = Bucket(configuration.emptyData)
        priority = Bucket(configuration.priority)
        windowUpdate = Bucket(configuration.windowUpdate)
        invalidFrame = Bucket(configuration.invalidFrame)
        refilledMillis = nowMillis
    }

    /// Counts one event; false when its bucket is empty and the connection should end.
    package mutating func record(_ event: Event, nowMillis: Int64) -> Bool {
        refill(nowMillis: nowMillis)
        switch event {
        case .reset: return reset.take()
        case .ping: return ping.take()
        case .settings: return settings.take()
        case .emptyData: return emptyData.take()
        case .priority: return priority.take()
        case .windowUpdate: return windowUpdate.take()
        case .invalidFrame: return invalidFrame.take()
        }
    }

    /// An answer was sent: the pings and window updates that belong to it are earned.
    package mutating func answered() {
        ping.fill()
        windowUpdate.fill()
    }

    private mutating func refill(nowMillis: Int64) {
        let elapsed = nowMillis - refilledMillis
        guard elapsed > 0 else { return }
        refilledMillis = nowMillis
        let elapsedMillis = Int(clamping: elapsed)
        reset.refill(elapsedMillis: elapsedMillis)
        ping.refill(elapsedMillis: elapsedMillis)
        settings.refill(elapsedMillis: elapsedMillis)
        emptyData.refill(elapsedMillis: elapsedMillis)
        priority.refill(elapsedMillis: elapsedMillis)
        windowUpdate.refill(elapsedMillis: elapsedMillis)
        invalidFrame.refill(elapsedMillis: elapsedMillis)
    }
}
