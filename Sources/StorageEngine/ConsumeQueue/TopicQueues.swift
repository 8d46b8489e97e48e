/// The queues of a topic by number. They nearly always count from 0 without a gap: then a queue's place is its number, and
/// a broker with thousands of topics finds it without one more table.
struct TopicQueues {
    /// Ascending by number.
    private(set) var all: [ConsumeQueue] = []

    /// The queue of a number, if there is one.
    subscript(queueId: Int32) -> ConsumeQueue? {
        index(of: queueId).map { all[$0] }
    }

    /// Adds a queue, in the place of one of the same number.
    mutating func insert(_ queue: ConsumeQueue) {
        if let index = index(of: queue.queueId) {
            all[index] = queue
        } else {
            all.insert(queue, at: place(of: queue.queueId))
        }
    }

    /// Takes a queue out, if there is one of that number.
    mutating func remove(_ queueId: Int32) {
        if let index = index(of: queueId) { all.remove(at: index) }
    }

    private func index(of queueId: Int32) -> Int? {
        let guess = Int(queueId)
        if guess >= 0, guess < all.count, all[guess].queueId == queueId { return guess }
        let place = place(of: queueId)
        return place < all.count && all[place].queueId == queueId ? place : nil
    }

    /// How many queues have smaller numbers.
    private func place(of queueId: Int32) -> Int {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].queueId < queueId { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
