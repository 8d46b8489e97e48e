/// The fixed delays that a message may ask for by number with its property DELAY: level 1 is the first.
package struct DelayLevels: Sendable, Hashable {
    /// Apache's levels, as `messageDelayLevel` has them when nobody sets it.
    package static let apacheText = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"
    /// Apache's levels.
    package static let apache = DelayLevels(seconds: [
        1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
    ])
    /// Most levels: each has a queue and is looked at on its own.
    package static let countMax = 64
    /// Longest delay of a level; a message that waits for longer would outlive the files of the log.
    package static let delayMillisMax: Int64 = 40 * 86_400_000

    private let millis: [Int64]

    private init(seconds: [Int64]) {
        millis = seconds.map { $0 * 1_000 }
    }

    /// Reads delays separated by blanks, each a number with `s`, `m`, `h` or `d`; nil when one is none, or too long.
    package init?(parsing text: String) {
        var millis: [Int64] = []
        for part in text.split(separator: " ") {
            guard let unit = part.last, let number = Int64(part.dropLast()), number > 0,
                number <= Self.delayMillisMax
            else { return nil }
            let factor: Int64
            switch unit {
            case "s": factor = 1_000
            case "m": factor = 60_000
            case "h": factor = 3_600_000
            case "d": factor = 86_400_000
            default: return nil
            }
            let (delay, overflows) = number.multipliedReportingOverflow(by: factor)
            guard !overflows, delay <= Self.delayMillisMax else { return nil }
            millis.append(delay)
        }
        guard (1...Self.countMax).contains(millis.count) else { return nil }
        self.millis = millis
    }

    /// The highest level.
    package var levelMax: Int32 { Int32(millis.count) }

    /// A level that exists: one beyond the highest is taken as the highest.
    package func clamped(_ level: Int64) -> Int32 { Int32(min(max(level, 1), Int64(levelMax))) }

    /// The delay of a level in milliseconds; a level beyond the bounds counts as the nearest.
    package func delayMillis(_ level: Int32) -> Int64 { millis[Int(clamped(Int64(level))) - 1] }
}
