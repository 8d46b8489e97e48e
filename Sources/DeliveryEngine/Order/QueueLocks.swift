/// Who may consume a queue in order: leases of queues by consumer group, each for one client at a time.
///
/// A client asks for the queues that it was assigned, and again well before a lease ends (Apache's clients every 20 s;
/// they stop consuming 30 s after the last success). A lease that is not renewed for `leaseMillis` is free for the next who
/// asks: so a client that died holds nobody up for longer. The machine knows no clock and no connection.
package struct QueueLocks: Sendable {
    /// A queue of this broker.
    package struct Queue: Hashable, Sendable {
        /// The topic.
        package var topic: String
        /// The queue's number.
        package var queueID: Int32

        /// A queue by its parts.
        package init(topic: String, queueID: Int32) {
            self.topic = topic
            self.queueID = queueID
        }
    }

    private struct Lease: Sendable {
        var clientID: String
        var renewedMillis: Int64
    }

    /// How long a lease lasts when it is not renewed.
    package let leaseMillis: Int64
    /// Most leases of all groups together.
    package let leasesMax: Int
    private var leases: [String: [Queue: Lease]] = [:]
    private(set) package var count = 0

    /// No leases. Apache's lease takes a minute.
    package init(leaseMillis: Int64 = 60_000, leasesMax: Int = 1_000_000) {
        self.leaseMillis = leaseMillis
        self.leasesMax = leasesMax
    }

    /// Takes or renews leases; returns the queues that the client holds of those it asked for, in the order asked.
    package mutating func lock(
        group: String, clientID: String, queues: some Sequence<Queue>, nowMillis: Int64
    ) -> [Queue] {
        var table = leases[group] ?? [:]
        var held: [Queue] = []
        for queue in queues {
            if let lease = table[queue], lease.clientID != clientID, isLive(lease, nowMillis) { continue }
            if table[queue] == nil {
                guard count < leasesMax else { continue }
                count += 1
            }
            table[queue] = Lease(clientID: clientID, renewedMillis: nowMillis)
            held.append(queue)
        }
        leases[group] = table.isEmpty ? nil : table
        return held
    }

    /// Gives leases back; those of other clients stay.
    package mutating func unlock(group: String, clientID: String, queues: some Sequence<Queue>) {
        guard var table = leases[group] else { return }
        for queue in queues where table[queue]?.clientID == clientID {
            table[queue] = nil
            count -= 1
        }
        leases[group] = table.isEmpty ? nil : table
    }

    /// Whether a group consumes in order at the moment: one of its leases has not run out.
    package func isOrdered(group: String, nowMillis: Int64) -> Bool {
        leases[group]?.values.contains { isLive($0, nowMillis) } ?? false
    }

    /// Drops leases that ran out, so that the table does not grow with groups that are gone.
    package mutating func expire(nowMillis: Int64) {
        for (group, table) in leases {
            let live = table.filter { isLive($0.value, nowMillis) }
            count -= table.count - live.count
            leases[group] = live.isEmpty ? nil : live
        }
    }

    private func isLive(_ lease: Lease, _ nowMillis: Int64) -> Bool { nowMillis - lease.renewedMillis < leaseMillis }
}
