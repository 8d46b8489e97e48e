import Histogram

/// Latencies of one kind of event, in microseconds from 1 to an hour at three digits, and what went wrong, by code.
package struct LatencyRecorder: Sendable {
    /// What is said of a distribution; microseconds.
    package struct Summary: Hashable, Sendable {
        package var count: UInt64
        package var mean: Double
        package var p50: UInt64
        package var p90: UInt64
        package var p99: UInt64
        package var p999: UInt64
        package var max: UInt64
    }

    private static let microsMax: UInt64 = 3_600_000_000
    /// Most codes told apart; the rest counts as "other".
    private static let codesMax = 64

    private var histogram = Self.emptyHistogram
    private var interval = Self.emptyHistogram
    /// Failures by code.
    package private(set) var failures: [String: Int] = [:]

    /// A recorder without values.
    package init() {}

    private static var emptyHistogram: Histogram<UInt64> {
        Histogram(highestTrackableValue: microsMax, numberOfSignificantValueDigits: .three)
    }

    /// Notes one latency; longer ones than an hour count as an hour.
    package mutating func record(nanos: UInt64) {
        let micros = min(Swift.max(1, nanos / 1_000), Self.microsMax)
        histogram.record(micros)
        interval.record(micros)
    }

    /// Notes a failure.
    package mutating func failed(_ code: String) {
        let name = failures[code] == nil && failures.count >= Self.codesMax ? "other" : code
        failures[name, default: 0] += 1
    }

    /// All failures.
    package var failureCount: Int { failures.values.reduce(0, +) }

    /// The distribution since the start or the last `restart`.
    package var summary: Summary { Self.summary(of: histogram) }

    /// The distribution since the last call.
    package mutating func takeInterval() -> Summary {
        defer { interval.reset() }
        return Self.summary(of: interval)
    }

    /// Forgets what was recorded: the end of the warm-up.
    package mutating func restart() {
        histogram.reset()
        interval.reset()
        failures = [:]
    }

    private static func summary(of histogram: Histogram<UInt64>) -> Summary {
        guard histogram.totalCount > 0 else {
            return Summary(count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0)
        }
        return Summary(
            count: histogram.totalCount, mean: histogram.mean, p50: histogram.valueAtPercentile(50),
            p90: histogram.valueAtPercentile(90), p99: histogram.valueAtPercentile(99),
            p999: histogram.valueAtPercentile(99.9), max: histogram.maxRecorded)
    }
}
