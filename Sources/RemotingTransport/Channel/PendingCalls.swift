import NIOCore
import RemotingCodec

/// Calls of one connection that wait for their answer, found by opaque without hashing.
///
/// Opaques count upwards; the place of a call is its opaque modulo the table's size, and an opaque whose place is
/// taken by an older call is skipped. The table is at most half full, so skips are rare and short. Deadlines are not
/// sorted: the earliest is kept as a lower bound and found again by a scan when it passes, which happens about once
/// per timeout, not once per call.
package struct PendingCalls {
    /// Gets the answer, or the reason why there is none.
    package typealias Completion = (Result<RemotingCommand, RemotingError>) -> Void

    private struct Slot {
        var opaque: Int32 = 0
        var deadline = NIODeadline.distantFuture
        var completion: Completion?
    }

    private static let firstCapacity = 16

    private let countMax: Int
    private var slots: [Slot] = []
    private var nextOpaque: Int32 = 0
    /// How many calls wait.
    package private(set) var count = 0
    /// No call is due before this.
    package private(set) var earliest = NIODeadline.distantFuture

    /// A table for at most `countMax` calls.
    package init(countMax: Int) {
        self.countMax = countMax
    }

    /// An opaque for a request that has no answer.
    package mutating func onewayOpaque() -> Int32 {
        defer { nextOpaque = (nextOpaque &+ 1) & Int32.max }
        return nextOpaque
    }

    /// Registers a call and returns its opaque, or nil when too many wait.
    package mutating func insert(deadline: NIODeadline, completion: @escaping Completion) -> Int32? {
        guard count < countMax else { return nil }
        if count &* 2 >= slots.count { grow() }
        let mask = slots.count &- 1
        while slots[Int(nextOpaque) & mask].completion != nil {
            nextOpaque = (nextOpaque &+ 1) & Int32.max
        }
        let opaque = nextOpaque
        nextOpaque = (nextOpaque &+ 1) & Int32.max
        slots[Int(opaque) & mask] = Slot(opaque: opaque, deadline: deadline, completion: completion)
        count &+= 1
        if deadline < earliest { earliest = deadline }
        return opaque
    }

    /// Takes the call of an answer out; nil when there is none (any more).
    package mutating func remove(opaque: Int32) -> Completion? {
        guard opaque >= 0, !slots.isEmpty else { return nil }
        let index = Int(opaque) & (slots.count &- 1)
        guard slots[index].opaque == opaque, let completion = slots[index].completion else { return nil }
        slots[index].completion = nil
        count &-= 1
        if count == 0 { earliest = .distantFuture }
        return completion
    }

    /// Takes all calls out that are due, and finds the next deadline.
    package mutating func removeDue(now: NIODeadline) -> [Completion] {
        guard earliest <= now else { return [] }
        var due: [Completion] = []
        earliest = .distantFuture
        for index in slots.indices {
            guard let completion = slots[index].completion else { continue }
            if slots[index].deadline <= now {
                due.append(completion)
                slots[index].completion = nil
                count -= 1
            } else if slots[index].deadline < earliest {
                earliest = slots[index].deadline
            }
        }
        return due
    }

    /// Takes all calls out.
    package mutating func removeAll() -> [Completion] {
        let all = slots.compactMap(\.completion)
        slots = []
        count = 0
        earliest = .distantFuture
        return all
    }

    /// Doubles the table. Places stay distinct, as a larger modulus keeps apart what a smaller one did.
    private mutating func grow() {
        let capacity = max(Self.firstCapacity, slots.count * 2)
        var larger = [Slot](repeating: Slot(), count: capacity)
        for slot in slots where slot.completion != nil { larger[Int(slot.opaque) & (capacity - 1)] = slot }
        slots = larger
    }
}
