/// Names of lite topics to look at, each once, in the order in which they came.
package struct LiteReadyQueue: Sendable {
    private var order: [String] = []
    private var head = 0
    private var members: Set<String> = []

    /// Nothing to look at.
    package init() {}

    /// How many names it holds.
    package var count: Int { members.count }

    /// Whether it holds none.
    package var isEmpty: Bool { members.isEmpty }

    /// The names it holds.
    package var names: Set<String> { members }

    /// The names that came first, without taking them out.
    package func first(_ max: Int) -> [String] {
        var found: [String] = []
        var seen: Set<String> = []
        for name in order[head...] {
            if found.count >= max { break }
            // A name that was removed and came again is in the order twice.
            if members.contains(name), seen.insert(name).inserted { found.append(name) }
        }
        return found
    }

    /// Adds a name unless it is there.
    package mutating func push(_ name: String) {
        guard members.insert(name).inserted else { return }
        order.append(name)
    }

    /// Takes the name that came first.
    package mutating func pop() -> String? {
        while head < order.count {
            let name = order[head]
            head += 1
            if head > 64, head * 2 > order.count {
                order.removeFirst(head)
                head = 0
            }
            // Names that were removed stay in the order until they would be first.
            if members.remove(name) != nil { return name }
        }
        order.removeAll(keepingCapacity: order.capacity <= 1_024)
        head = 0
        return nil
    }

    /// Takes a name out.
    package mutating func remove(_ name: String) {
        guard members.remove(name) != nil, order.count - head > 2 * members.count + 64 else { return }
        // Each name once, as it may have come again behind its removed place.
        var seen: Set<String> = []
        order = order[head...].filter { members.contains($0) && seen.insert($0).inserted }
        head = 0
    }
}
