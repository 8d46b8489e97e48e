/// Which sequence numbers of one producer were seen, one bit each.
package struct SequenceSet: Hashable, Sendable {
    private var words: [UInt64] = []
    /// How many there are.
    package private(set) var count = 0

    /// Most numbers that a set holds: with more, memory would grow past 128 MB a producer.
    package static let countMax = 1 << 30

    /// An empty set.
    package init() {}

    /// Notes a number; false when it was there, or is beyond the bound.
    package mutating func insert(_ number: UInt64) -> Bool {
        guard number < UInt64(Self.countMax) else { return false }
        let (word, bit) = (Int(number / 64), UInt64(1) << (number % 64))
        while word >= words.count { words.append(0) }
        guard words[word] & bit == 0 else { return false }
        words[word] |= bit
        count += 1
        return true
    }

    /// Whether it was seen.
    package func contains(_ number: UInt64) -> Bool {
        let word = Int(clamping: number / 64)
        return word < words.count && words[word] & UInt64(1) << (number % 64) != 0
    }

    /// How many of these numbers are not in `other`.
    package func countMissing(in other: SequenceSet) -> Int {
        words.indices.reduce(0) { sum, index in
            let there = index < other.words.count ? other.words[index] : 0
            return sum + (words[index] & ~there).nonzeroBitCount
        }
    }

    /// Numbers between the lowest and the highest one that were not seen.
    package var gapCount: Int {
        guard let first = words.firstIndex(where: { $0 != 0 }), let last = words.lastIndex(where: { $0 != 0 }) else {
            return 0
        }
        let low = first * 64 + words[first].trailingZeroBitCount
        let high = last * 64 + 63 - words[last].leadingZeroBitCount
        return high - low + 1 - count
    }
}
