/// The queues of a topic by number. They nearly always count from 0 without a gap: then a queue's place is its number, and
/// a broker with thousands of topics finds it without one more table.
struct TopicQueues {
    /// Ascending by number.
    private(set) var all: [ConsumeQueue] = []

    /// The queue of a number, if there is one.
    subscript(queueId: Int32) -> ConsumeQueue? {
        let place = place(of: queueId)
        return place < all.count && all[place].queueId == queueId ? all[place] : nil
    }

    /// Adds a queue, in the place of one of the same number.
    mutating func insert(_ queue: ConsumeQueue) {
        let place = place(of: queue.queueId)
        if place < all.count, all[place].queueId == queue.queueId {
            all[place] = queue
        } else {
            all.insert(queue, at: place)
        }
    }

    /// Takes a queue out, if there is one of that number.
    mutating func remove(_ queueId: Int32) {
        let place = place(of: queueId)
        if place < all.count, all[place].queueId == queueId { all.remove(at: place) }
    }

    /// How many queues have smaller numbers.
    private func place(of queueId: Int32) -> Int {
        let guess = Int(queueId)
        if guess >= 0, guess < all.count, all[guess].queueId == queueId { return guess }
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].queueId < queueId { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
