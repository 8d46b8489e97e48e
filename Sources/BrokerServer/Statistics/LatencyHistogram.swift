import Synchronization

/// How long something took: counts by class of duration. Recording is two atomic additions, from any thread.
final class LatencyHistogram: Sendable {
    /// The classes that Apache shows, by their upper bound in milliseconds, and the one without a bound.
    private static let classBoundsMillis: [Int64] = [
        0, 10, 50, 100, 200, 500, 1_000, 2_000, 3_000, 4_000, 5_000, 10_000,
    ]
    private static let classNames = [
        "<=0ms", "0~10ms", "10~50ms", "50~100ms", "100~200ms", "200~500ms", "500ms~1s", "1~2s", "2~3s", "3~4s",
        "4~5s", "5~10s", "10s~",
    ]
    /// Finer classes for percentiles: four an octave of microseconds.
    private static let stepsPerOctave = 4
    private static let fineCount = 128

    /// What the threads of one stripe counted.
    private struct Counts: ~Copyable, Sendable {
        let classes = InlineArray<13, Atomic<Int64>> { _ in Atomic(0) }
        let fine = InlineArray<128, Atomic<Int64>> { _ in Atomic(0) }
    }

    private let stripes = InlineArray<8, Counts> { _ in Counts() }
    private let longestNanos = Atomic<Int64>(0)

    /// Counts one duration.
    func record(nanos: Int64) {
        let nanos = max(0, nanos)
        // Apache measures whole milliseconds: less than one is its first class.
        let millis = nanos / 1_000_000
        let index = Self.classBoundsMillis.firstIndex { millis <= $0 } ?? Self.classBoundsMillis.count
        let stripe = StripedCounter.stripe
        stripes[stripe].classes[index].add(1, ordering: .relaxed)
        stripes[stripe].fine[Self.fineIndex(micros: nanos / 1_000)].add(1, ordering: .relaxed)
        if nanos > longestNanos.load(ordering: .relaxed) {
            longestNanos.max(nanos, ordering: .relaxed)
        }
    }

    /// The longest duration so far, in milliseconds.
    var longestMillis: Int64 { longestNanos.load(ordering: .relaxed) / 1_000_000 }

    /// The counts at one moment.
    struct Snapshot: Sendable {
        fileprivate var classes = [Int64](repeating: 0, count: 13)
        fileprivate var fine = [Int64](repeating: 0, count: LatencyHistogram.fineCount)

        /// What was counted since an earlier moment.
        func since(_ earlier: Snapshot) -> Snapshot {
            var difference = self
            for index in classes.indices { difference.classes[index] -= earlier.classes[index] }
            for index in fine.indices { difference.fine[index] -= earlier.fine[index] }
            return difference
        }

        /// `[<=0ms]:3 [0~10ms]:1 …`, as Apache writes it.
        var distribution: String {
            zip(LatencyHistogram.classNames, classes).map { "[\($0)]:\($1) " }.joined()
        }

        /// The duration in milliseconds that a share of all did not pass; 0 when nothing was counted.
        func percentile(_ share: Double) -> Double {
            let total = fine.reduce(0, +)
            guard total > 0 else { return 0 }
            let wanted = Int64((Double(total) * share).rounded(.up))
            var sum: Int64 = 0
            for (index, count) in fine.enumerated() {
                sum += count
                if sum >= wanted { return LatencyHistogram.upperMicros(of: index) / 1_000 }
            }
            return 0
        }
    }

    /// The counts now.
    var snapshot: Snapshot {
        var snapshot = Snapshot()
        for stripe in stripes.indices {
            for index in 0..<13 { snapshot.classes[index] += stripes[stripe].classes[index].load(ordering: .relaxed) }
            for index in 0..<Self.fineCount {
                snapshot.fine[index] += stripes[stripe].fine[index].load(ordering: .relaxed)
            }
        }
        return snapshot
    }

    private static func fineIndex(micros: Int64) -> Int {
        guard micros >= 4 else { return Int(micros) }
        let octave = 63 - micros.leadingZeroBitCount
        let step = Int(micros >> Int64(octave - 2)) & (stepsPerOctave - 1)
        return min(fineCount - 1, (octave - 1) * stepsPerOctave + step)
    }

    /// The upper end of a fine class, in microseconds.
    private static func upperMicros(of index: Int) -> Double {
        guard index >= stepsPerOctave else { return Double(index + 1) }
        let octave = index / stepsPerOctave + 1
        let step = index % stepsPerOctave
        return Double((Int64(stepsPerOctave + step + 1)) << Int64(octave - 2))
    }
}
