import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import Synchronization

/// Positions that an administrator set and that the group's next pull of the queue must be told.
///
/// Until then the group's own commits do not count: they are of the time before. Bounded; a reset that does not fit is
/// refused.
package final class OffsetResets: Sendable {
    private static let countMax = 1_000_000

    private let table = NIOLockedValueBox<[SubscriptionKey: [Int32: Int64]]>([:])
    // Pulls ask every time: most of the time nothing is pending.
    private let count = Atomic<Int>(0)

    /// Notes new positions of a group's queues; false when too many are pending.
    func set(_ offsets: [Int32: Int64], group: String, topic: String) -> Bool {
        table.withLockedValue { table in
            guard count.load(ordering: .relaxed) + offsets.count <= Self.countMax else { return false }
            let key = SubscriptionKey(group: group, topic: topic)
            let before = table[key]?.count ?? 0
            table[key, default: [:]].merge(offsets) { $1 }
            count.add((table[key]?.count ?? 0) - before, ordering: .relaxed)
            return true
        }
    }

    /// The pending position of a queue.
    package func pending(group: String, topic: String, queueID: Int32) -> Int64? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        return table.withLockedValue { $0[SubscriptionKey(group: group, topic: topic)]?[queueID] }
    }

    /// Takes the pending position of a queue out.
    func take(group: String, topic: String, queueID: Int32) -> Int64? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        return table.withLockedValue { table in
            let key = SubscriptionKey(group: group, topic: topic)
            guard let offset = table[key]?.removeValue(forKey: queueID) else { return nil }
            if table[key]?.isEmpty == true { table[key] = nil }
            count.subtract(1, ordering: .relaxed)
            return offset
        }
    }

    /// Forgets what a deleted topic or group had pending.
    func remove(where matches: (SubscriptionKey) -> Bool) {
        table.withLockedValue { table in
            for (key, offsets) in table where matches(key) {
                table[key] = nil
                count.subtract(offsets.count, ordering: .relaxed)
            }
        }
    }
}
