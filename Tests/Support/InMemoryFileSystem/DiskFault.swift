import StorageEngine

/// A failure that an in-memory disk has in store for one of its next operations.
package struct DiskFault: Hashable, Sendable {
    /// The operations that can fail, as the disk sees them.
    package enum Operation: String, Sendable, CaseIterable {
        /// Reads of a file or of a mapping.
        case read
        /// Writes to a file or to a mapping, and punched holes.
        case write
        /// Flushes of a file or of a range of a mapping.
        case synchronize
        /// Creation of a file, reservation of its blocks and changes of its length.
        case create
        /// Renames, links and removals.
        case rename
        /// Flushes of a directory.
        case synchronizeDirectory
        /// Listings of a directory.
        case list
    }

    /// What happens then.
    package enum Effect: Hashable, Sendable {
        /// EIO, and nothing is done.
        case inputOutput
        /// ENOSPC, and nothing is done.
        case noSpace
        /// EIO after a part: a write leaves its first bytes, as many 256ths of it as given; a flush that fails has put
        /// its pages on the disk all the same. Other operations are done wholly.
        case partly(Int)
        /// The power goes in the middle: the operation and all after it fail, and what the disk holds at this moment is
        /// what the next machine finds.
        case powerLoss
    }

    /// Which operations count.
    package var operation: Operation
    /// Only paths that contain this; empty is every path.
    package var path: String
    /// How many of them pass before the fault.
    package var passing: Int
    /// What it does.
    package var effect: Effect
    /// Whether every later operation of that kind fails too.
    package var isLasting: Bool

    /// A fault by its parts.
    package init(
        _ operation: Operation, path: String = "", passing: Int = 0, effect: Effect, isLasting: Bool = false
    ) {
        self.operation = operation
        self.path = path
        self.passing = passing
        self.effect = effect
        self.isLasting = isLasting
    }
}

/// The generator behind every choice of a disk or a simulation (SplitMix64): the same seed gives the same choices.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator that begins with a seed.
    package init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// Whether something of a probability in percent happens.
    package mutating func happens(percent: Int) -> Bool {
        Int(next() % 100) < percent
    }

    /// A number below a bound above 0.
    package mutating func below(_ bound: Int) -> Int {
        Int(next() % UInt64(bound))
    }
}
