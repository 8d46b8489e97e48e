/// Names a parked request, until it is woken, expires or is cancelled.
package struct WaiterID: Hashable, Sendable {
    let slot: Int32
    let generation: UInt32
}

/// Long polls that wait for something to happen to a key: a queue, mostly.
///
/// An event wakes the requests of its key that can use it, oldest first, and takes them out; a request that then finds
/// nothing is parked again by its owner. Expired requests are handed out by ``expire(nowMillis:)``. The index is bounded
/// by key; the bound over all keys is the owner's.
package struct WaiterIndex<Key: Hashable & Sendable, Payload> {
    fileprivate struct Node {
        var payload: Payload?
        var generation: UInt32 = 0
        var key: Key?
        var deadlineMillis: Int64 = 0
        var capacity = 0
        var previous: Int32 = -1
        var next: Int32 = -1
    }

    private struct List {
        var first: Int32 = -1
        var last: Int32 = -1
        var count = 0
    }

    private struct Deadline: Comparable {
        var millis: Int64
        var slot: Int32
        var generation: UInt32

        static func < (left: Deadline, right: Deadline) -> Bool { left.millis < right.millis }
    }

    private let limitPerKey: Int
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var lists: [Key: List] = [:]
    private var deadlines = MinHeap<Deadline>()
    /// Requests parked.
    package private(set) var count = 0

    /// An index that parks at most `limitPerKey` requests for each key.
    package init(limitPerKey: Int = 1024) {
        self.limitPerKey = limitPerKey
    }

    /// Whether no request is parked.
    package var isEmpty: Bool { count == 0 }

    /// Requests parked for this key.
    package func count(key: Key) -> Int { lists[key]?.count ?? 0 }

    /// The earliest time at which a request expires.
    package mutating func nextDeadlineMillis() -> Int64? {
        while let first = deadlines.top, !isParked(first.slot, first.generation) { deadlines.pop() }
        return deadlines.top?.millis
    }

    /// Parks a request that can take `capacity` messages; nil when the key is full.
    package mutating func park(
        key: Key, deadlineMillis: Int64, capacity: Int, _ payload: Payload
    ) -> WaiterID? {
        var list = lists[key] ?? List()
        guard list.count < limitPerKey else { return nil }
        let slot: Int32
        if let reused = free.popLast() {
            slot = reused
        } else {
            slot = Int32(nodes.count)
            nodes.append(Node())
        }
        let index = Int(slot)
        nodes[index].payload = payload
        nodes[index].key = key
        nodes[index].deadlineMillis = deadlineMillis
        nodes[index].capacity = capacity
        nodes[index].previous = list.last
        nodes[index].next = -1
        if list.last >= 0 { nodes[Int(list.last)].next = slot } else { list.first = slot }
        list.last = slot
        list.count += 1
        lists[key] = list
        count += 1
        let generation = nodes[index].generation
        deadlines.push(Deadline(millis: deadlineMillis, slot: slot, generation: generation))
        purgeDeadlines()
        return WaiterID(slot: slot, generation: generation)
    }

    /// Takes out the requests of a key that can use the event, each for itself: what one reads does not take from others.
    package mutating func wakeAll(key: Key, where canUse: (Payload) -> Bool = { _ in true }) -> [Payload] {
        var woken: [Payload] = []
        var rest = Int.max
        wake(key: key, rest: &rest, into: &woken, where: canUse)
        return woken
    }

    /// Takes out the oldest request of a key.
    package mutating func wakeOne(key: Key) -> Payload? {
        guard let slot = lists[key]?.first, let payload = nodes[Int(slot)].payload else { return nil }
        remove(slot)
        return payload
    }

    /// Takes out the oldest request of each key, for an event that concerns every queue.
    package mutating func wakeOneOfEachKey() -> [Payload] {
        lists.values.map(\.first).compactMap { slot in
            guard let payload = nodes[Int(slot)].payload else { return nil }
            remove(slot)
            return payload
        }
    }

    fileprivate mutating func wake(
        key: Key, rest: inout Int, into woken: inout [Payload], where canUse: (Payload) -> Bool
    ) {
        guard let list = lists[key] else { return }
        var slot = list.first
        while rest > 0, slot >= 0 {
            let next = nodes[Int(slot)].next
            if let payload = nodes[Int(slot)].payload, canUse(payload) {
                rest -= min(rest, nodes[Int(slot)].capacity)
                woken.append(payload)
                remove(slot)
            }
            slot = next
        }
    }

    /// Takes out the requests whose time is over.
    package mutating func expire(nowMillis: Int64) -> [Payload] {
        var expired: [Payload] = []
        while let first = deadlines.top, first.millis <= nowMillis {
            deadlines.pop()
            guard isParked(first.slot, first.generation), let payload = nodes[Int(first.slot)].payload else { continue }
            expired.append(payload)
            remove(first.slot)
        }
        return expired
    }

    /// Takes out one request; nil when it is not parked any more.
    package mutating func cancel(_ id: WaiterID) -> Payload? {
        guard isParked(id.slot, id.generation), let payload = nodes[Int(id.slot)].payload else { return nil }
        remove(id.slot)
        return payload
    }

    /// Takes out all requests.
    package mutating func removeAll() -> [Payload] {
        let payloads = nodes.compactMap(\.payload)
        // The nodes stay, with new generations: old ids must not name later requests.
        for slot in nodes.indices where nodes[slot].payload != nil { remove(Int32(slot)) }
        return payloads
    }

    private func isParked(_ slot: Int32, _ generation: UInt32) -> Bool {
        Int(slot) < nodes.count && nodes[Int(slot)].generation == generation && nodes[Int(slot)].payload != nil
    }

    private mutating func remove(_ slot: Int32) {
        let node = nodes[Int(slot)]
        guard let key = node.key else { return }
        var list = lists[key] ?? List()
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { list.first = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous } else { list.last = node.previous }
        list.count -= 1
        lists[key] = list.count == 0 ? nil : list
        nodes[Int(slot)].payload = nil
        nodes[Int(slot)].key = nil
        nodes[Int(slot)].generation &+= 1
        count -= 1
        free.append(slot)
        if count == 0 { deadlines.removeAll() }
    }

    private mutating func purgeDeadlines() {
        guard deadlines.count > 2 * count + 64 else { return }
        deadlines = MinHeap(
            nodes.indices.compactMap { index in
                nodes[index].payload == nil
                    ? nil
                    : Deadline(
                        millis: nodes[index].deadlineMillis, slot: Int32(index), generation: nodes[index].generation)
            })
    }
}

/// Long polls of one group on one topic: each waits for one queue or for all of them.
package typealias QueueWaiters<Payload> = WaiterIndex<Int32, Payload>

extension WaiterIndex where Key == Int32 {
    /// The key of requests that take any queue.
    package static var allQueues: Int32 { -1 }

    /// Requests parked for this queue, or for all of them.
    package func count(queueID: Int32) -> Int { count(key: queueID) }

    /// Parks a request that can take `capacity` messages; nil when there are too many for the queue.
    package mutating func park(
        queueID: Int32, deadlineMillis: Int64, capacity: Int, _ payload: Payload
    ) -> WaiterID? {
        park(key: queueID, deadlineMillis: deadlineMillis, capacity: capacity, payload)
    }

    /// Takes out the requests that can use `messageCount` messages of a queue: those for the queue, then those for all.
    package mutating func wake(
        queueID: Int32, messageCount: Int, where canUse: (Payload) -> Bool = { _ in true }
    ) -> [Payload] {
        var woken: [Payload] = []
        var rest = messageCount
        wake(key: queueID, rest: &rest, into: &woken, where: canUse)
        if queueID != Self.allQueues { wake(key: Self.allQueues, rest: &rest, into: &woken, where: canUse) }
        return woken
    }
}

extension WaiterIndex: Sendable where Payload: Sendable {}
extension WaiterIndex.Node: Sendable where Payload: Sendable {}
