import MessageModel

/// The lite topics that there are, by parent, with the time of their last message. In memory only: filled from the
/// store's queues at the start.
struct LiteIndex: Sendable {
    /// The lite topics of one parent, in places from 0 on without a gap. A new one comes last, and the last one takes the
    /// place of one that goes: who goes through the places from the end misses none that was there.
    struct Parent: Sendable {
        private(set) var topics: [(queue: String, storeMillis: Int64)] = []
        private var places: [String: Int] = [:]

        var count: Int { topics.count }

        /// Store time of a lite topic's last message, 0 when it is not known yet; nil without such a topic.
        func storeMillis(of queue: String) -> Int64? { places[queue].map { topics[$0].storeMillis } }

        /// Whether it is new.
        fileprivate mutating func note(_ queue: String, _ storeMillis: Int64) -> Bool {
            if let place = places[queue] {
                topics[place].storeMillis = storeMillis
                return false
            }
            places[queue] = topics.count
            topics.append((queue, storeMillis))
            return true
        }

        fileprivate mutating func remove(_ queue: String) -> Bool {
            guard let place = places.removeValue(forKey: queue), let last = topics.popLast() else { return false }
            guard place < topics.count else { return true }
            topics[place] = last
            places[last.queue] = place
            return true
        }
    }

    private(set) var parents: [String: Parent] = [:]
    /// Lite topics of all parents.
    private(set) var count = 0

    init() {}

    /// Notes a lite topic, or a message of one.
    mutating func note(queue: String, parent: String, storeMillis: Int64) {
        if parents[parent, default: Parent()].note(queue, storeMillis) { count += 1 }
    }

    mutating func remove(queue: String, parent: String) {
        guard parents[parent]?.remove(queue) == true else { return }
        count -= 1
        if parents[parent]?.count == 0 { parents[parent] = nil }
    }

    func contains(queue: String, parent: String) -> Bool { parents[parent]?.storeMillis(of: queue) != nil }

    /// How many lite topics a parent has.
    func count(parent: String) -> Int { parents[parent]?.count ?? 0 }

    /// The queues of a parent's lite topics.
    func queues(parent: String) -> [String] { parents[parent]?.topics.map(\.queue) ?? [] }
}
