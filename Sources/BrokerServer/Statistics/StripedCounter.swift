import Synchronization

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A count that many threads add to. Each adds to a stripe of its own: else its cache line moves from core to core for every
/// message.
struct StripedCounter: ~Copyable, Sendable {
    private struct Stripe: ~Copyable, Sendable {
        let count = Atomic<Int64>(0)
        /// Processors fetch cache lines of 64 bytes in pairs.
        private let padding = InlineArray<15, Int64>(repeating: 0)
    }

    private let stripes = InlineArray<8, Stripe> { _ in Stripe() }

    /// The stripe of the calling thread, one of 8. Threads may share one.
    static var stripe: Int {
        // Stacks lie at regular distances: the product spreads them over its upper bits.
        Int((UInt(pthread_self()) >> 12 &* 0x9E37_79B9_7F4A_7C15) >> 61)
    }

    /// Adds, from any thread.
    func add(_ count: Int64) { stripes[Self.stripe].count.add(count, ordering: .relaxed) }

    /// The sum at about this moment.
    var total: Int64 {
        var sum: Int64 = 0
        for index in stripes.indices { sum += stripes[index].count.load(ordering: .relaxed) }
        return sum
    }
}
