/// What something counted: how many, of how many bytes, in how many calls. Only ever grows.
package struct Counts: Hashable, Sendable {
    /// Messages.
    package var messages: Int64 = 0
    /// Their bytes.
    package var bytes: Int64 = 0
    /// Calls that brought or fetched them.
    package var calls: Int64 = 0

    /// Counts; zero unless told.
    package init(messages: Int64 = 0, bytes: Int64 = 0, calls: Int64 = 0) {
        self.messages = messages
        self.bytes = bytes
        self.calls = calls
    }

    static func += (left: inout Counts, right: Counts) {
        left.messages &+= right.messages
        left.bytes &+= right.bytes
        left.calls &+= right.calls
    }

    static func - (left: Counts, right: Counts) -> Counts {
        Counts(
            messages: left.messages &- right.messages, bytes: left.bytes &- right.bytes,
            calls: left.calls &- right.calls)
    }
}

/// What one counter stood at, far enough back to tell the last minute, hour and day. Pure: time is handed in.
///
/// Three lists of samples, one every 10 seconds, 10 minutes and hour, each as long as its span. A question takes the
/// difference between now and the oldest sample of the span, so that it sees what was counted since the last sample too.
package struct CounterHistory: Sendable {
    /// The spans that can be asked for.
    package enum Span: Int, CaseIterable, Sendable {
        case minute
        case hour
        case day

        /// Milliseconds of the span.
        var millis: Int64 {
            switch self {
            case .minute: 60_000
            case .hour: 3_600_000
            case .day: 86_400_000
            }
        }

        /// Milliseconds between two samples of it.
        var periodMillis: Int64 {
            switch self {
            case .minute: 10_000
            case .hour: 600_000
            case .day: 3_600_000
            }
        }
    }

    /// The growth of a counter over a span.
    package struct Growth: Hashable, Sendable {
        /// What was added.
        package var counts: Counts
        /// Over how many milliseconds: less than the span while the counter is young.
        package var millis: Int64

        /// How fast one of the counts grew.
        func perSecond(_ count: Int64) -> Double { millis > 0 ? Double(count) * 1_000 / Double(millis) : 0 }
    }

    private struct Sample: Sendable {
        var atMillis: Int64
        var counts: Counts
    }

    /// Where the counter stands.
    package private(set) var current = Counts()
    /// When it grew last.
    package private(set) var lastGrowthMillis: Int64
    private var samples: [[Sample]]

    /// A counter that is zero at a time.
    package init(startMillis: Int64) {
        lastGrowthMillis = startMillis
        samples = Span.allCases.map { _ in [Sample(atMillis: startMillis, counts: Counts())] }
    }

    /// Counts.
    package mutating func add(_ counts: Counts, nowMillis: Int64) {
        current += counts
        lastGrowthMillis = nowMillis
    }

    /// Time went by: takes the samples that are due and drops those that no span reaches. Call every 10 seconds.
    package mutating func tick(nowMillis: Int64) {
        for span in Span.allCases {
            let index = span.rawValue
            guard let last = samples[index].last else { continue }
            // A tick that comes a little early must not skip a sample; a clock set back starts anew.
            let isDue = nowMillis - last.atMillis >= span.periodMillis - span.periodMillis / 10
            guard isDue || nowMillis < last.atMillis else { continue }
            if nowMillis < last.atMillis { samples[index] = [] }
            samples[index].append(Sample(atMillis: nowMillis, counts: current))
            let oldest = samples[index].count - 1 - Int(span.millis / span.periodMillis)
            if oldest > 0 { samples[index].removeFirst(oldest) }
        }
    }

    /// What was added over a span that ends now.
    package func growth(over span: Span, nowMillis: Int64) -> Growth {
        let list = samples[span.rawValue]
        let first = list.first { nowMillis - $0.atMillis <= span.millis } ?? list.last
        guard let first else { return Growth(counts: Counts(), millis: 0) }
        return Growth(counts: current - first.counts, millis: max(0, nowMillis - first.atMillis))
    }

    /// Messages per second over the last minute.
    func messagesPerSecond(nowMillis: Int64) -> Double {
        let growth = growth(over: .minute, nowMillis: nowMillis)
        return growth.perSecond(growth.counts.messages)
    }
}
