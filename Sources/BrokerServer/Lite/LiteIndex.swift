import MessageModel

/// The lite topics that there are, by parent, with the time of their last message. In memory only: filled from the
/// store's queues at the start.
struct LiteIndex: Sendable {
    /// Store times by queue name, by parent; 0 is not known yet.
    private(set) var parents: [String: [String: Int64]] = [:]
    /// Lite topics of all parents.
    private(set) var count = 0

    init() {}

    /// Notes a lite topic, or a message of one.
    mutating func note(queue: String, parent: String, storeMillis: Int64) {
        if parents[parent]?[queue] == nil { count += 1 }
        parents[parent, default: [:]][queue] = storeMillis
    }

    mutating func remove(queue: String, parent: String) {
        guard parents[parent]?.removeValue(forKey: queue) != nil else { return }
        count -= 1
        if parents[parent]?.isEmpty == true { parents[parent] = nil }
    }

    func contains(queue: String, parent: String) -> Bool { parents[parent]?[queue] != nil }

    /// The queues of a parent's lite topics.
    func queues(parent: String) -> [String] { (parents[parent]?.keys).map { $0.sorted() } ?? [] }
}
