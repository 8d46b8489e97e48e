import NIOConcurrencyHelpers
import Synchronization

/// Counts of what the broker did, and rates over the last minutes. Counting is one atomic addition.
package final class BrokerStatistics: Sendable {
    private let storedCount = Atomic<Int64>(0)
    private let storedBytes = Atomic<Int64>(0)
    private let refusedCount = Atomic<Int64>(0)

    /// Time between two samples.
    package static let samplePeriodMillis: Int64 = 10_000

    private struct Sample {
        var stored: Int64
        var delivered: Int64
    }

    /// Samples of the last ten minutes, oldest first.
    private let samples = NIOLockedValueBox<[Sample]>([Sample(stored: 0, delivered: 0)])
    private static let samplesMax = 61

    /// Messages were stored.
    func countStored(_ count: Int, bytes: Int) {
        storedCount.add(Int64(count), ordering: .relaxed)
        storedBytes.add(Int64(bytes), ordering: .relaxed)
    }

    /// A send was refused.
    func countRefused() { refusedCount.add(1, ordering: .relaxed) }

    /// Messages stored since the start.
    package var stored: Int64 { storedCount.load(ordering: .relaxed) }
    /// Bytes of their bodies.
    package var storedBodyBytes: Int64 { storedBytes.load(ordering: .relaxed) }
    /// Sends refused since the start.
    package var refused: Int64 { refusedCount.load(ordering: .relaxed) }

    /// Takes a sample; call every `samplePeriodMillis` with the messages handed to consumers since the start.
    func sample(delivered: Int64) {
        let now = Sample(stored: stored, delivered: delivered)
        samples.withLockedValue { samples in
            samples.append(now)
            if samples.count > Self.samplesMax { samples.removeFirst() }
        }
    }

    /// Messages stored per second over 10, 60 and 600 seconds (as far as the broker runs that long).
    package var storeRates: [Double] { rates(\.stored) }
    /// Messages handed out per second over 10, 60 and 600 seconds.
    package var deliveryRates: [Double] { rates(\.delivered) }

    private func rates(_ key: KeyPath<Sample, Int64>) -> [Double] {
        samples.withLockedValue { samples in
            [1, 6, 60].map { periods in
                let back = min(periods, samples.count - 1)
                guard back > 0, let last = samples.last else { return 0 }
                let difference = last[keyPath: key] - samples[samples.count - 1 - back][keyPath: key]
                return Double(difference) / (Double(back) * Double(Self.samplePeriodMillis) / 1_000)
            }
        }
    }
}
