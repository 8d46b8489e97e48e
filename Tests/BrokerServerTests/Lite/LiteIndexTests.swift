import DeliveryEngine
import Testing

@testable import BrokerServer

@Suite("The lite topics that there are") struct LiteIndexTests {
    @Test("keep their times, and leave no gap when some go")
    func places() {
        var index = LiteIndex()
        for (number, name) in ["a", "b", "c", "d"].enumerated() {
            index.note(queue: name, parent: "P", storeMillis: Int64(number))
        }
        index.note(queue: "a", parent: "P", storeMillis: 10)
        index.note(queue: "x", parent: "Q", storeMillis: 20)
        index.remove(queue: "b", parent: "P")
        index.remove(queue: "b", parent: "P")
        index.remove(queue: "x", parent: "P")
        #expect(index.queues(parent: "P") == ["a", "d", "c"])
        #expect(index.queues(parent: "P").map { index.parents["P"]?.storeMillis(of: $0) } == [10, 3, 2])
        #expect(index.count == 4 && index.count(parent: "P") == 3)
        #expect(index.contains(queue: "x", parent: "Q") && !index.contains(queue: "b", parent: "P"))
        index.remove(queue: "c", parent: "P")
        index.remove(queue: "x", parent: "Q")
        #expect(index.queues(parent: "P") == ["a", "d"] && index.parents["Q"] == nil && index.count == 2)
    }

    @Test("are all looked at by who goes through them while others come and go", arguments: 0..<20)
    func walk(seed: UInt64) {
        var random = Seeded(state: seed)
        var index = LiteIndex()
        var subscriptions = LiteSubscriptions()
        let key = LiteClientKey(group: "g", clientID: "1")
        var missing: Set<String> = []
        for number in 0..<200 {
            index.note(queue: "old\(number)", parent: "P", storeMillis: 0)
            missing.insert("old\(number)")
        }
        _ = subscriptions.join(key, topic: "P", places: index.count(parent: "P"), nowMillis: 0)
        var number = 0
        while let place = subscriptions.takeUnseen(key, topic: "P", places: index.count(parent: "P")) {
            if let queue = index.parents["P"]?.topics[place].queue { missing.remove(queue) }
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                number += 1
                index.note(queue: "new\(number)", parent: "P", storeMillis: 0)
            }
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                guard let queue = index.queues(parent: "P").randomElement(using: &random) else { continue }
                index.remove(queue: queue, parent: "P")
                missing.remove(queue)
            }
        }
        #expect(missing.isEmpty, "seed \(seed)")
    }
}
