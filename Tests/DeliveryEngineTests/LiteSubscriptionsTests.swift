import DeliveryEngine
import Testing

struct LiteSubscriptionsTests {
    private var table = LiteSubscriptions(limits: Self.small)
    private let one = LiteClientKey(group: "g", clientID: "1")
    private let two = LiteClientKey(group: "g", clientID: "2")
    private let other = LiteClientKey(group: "h", clientID: "1")

    private static var small: LiteSubscriptions.Limits {
        var limits = LiteSubscriptions.Limits()
        limits.subscriptionsMax = 4
        limits.clientsMax = 3
        limits.expiryMillis = 100
        return limits
    }

    private mutating func add(
        _ key: LiteClientKey, _ queues: String..., exclusive: Bool = false, now: Int64 = 0
    ) -> LiteSubscriptions.Change? {
        table.add(key, topic: "P", queues: queues, isExclusive: exclusive, nowMillis: now)
    }

    private mutating func ready(_ key: LiteClientKey) -> [String] {
        var names: [String] = []
        while let name = table.takeReady(key) { names.append(name) }
        return names
    }

    @Test mutating func whoSubscribesLooksOnce() {
        #expect(add(one, "a", "b")?.added == ["a", "b"])
        #expect(add(one, "b")?.added == [])
        #expect(table.offer("a", topic: "P") == [one])
        _ = table.offer("a", topic: "P")
        #expect(table.offer("c", topic: "P").isEmpty)
        #expect(ready(one) == ["a"])
        #expect(!table.hasReady(one))
    }

    @Test mutating func allClientsOfAllGroupsAreOffered() {
        _ = add(one, "a")
        _ = add(two, "a")
        _ = add(other, "a")
        #expect(Set(table.offer("a", topic: "P")) == [one, two, other])
        #expect(ready(one) == ["a"] && ready(two) == ["a"] && ready(other) == ["a"])
        #expect(table.offer("a", topic: "P", group: "h") == [other])
    }

    @Test mutating func aLookAheadTakesNothing() {
        _ = add(one, "a", "b", "c")
        for name in ["a", "b", "c"] { _ = table.offer(name, topic: "P") }
        #expect(table.ready(one, max: 2) == ["a", "b"])
        _ = table.remove(one, queues: ["a"], nowMillis: 0)
        _ = add(one, "a")
        table.offer("a", to: one)
        // It is at the end now, and there once.
        #expect(Set(table.ready(one, max: 4)) == ["a", "b", "c"] && table.ready(one, max: 4).count == 3)
        #expect(table.ready(two, max: 4).isEmpty)
        #expect(ready(one).count == 3)
        #expect(table.join(two, topic: "P", places: 0, nowMillis: 0) == [two])
        _ = table.offer("d", topic: "P")
        #expect(table.ready(two, max: 4) == ["d"] && table.has("e", two) && !table.has("e", one))
    }

    @Test mutating func aFullListReplaces() {
        _ = add(one, "a", "b")
        _ = table.offer("a", topic: "P")
        let change = table.replace(one, topic: "P", queues: ["b", "c"], nowMillis: 5)
        #expect(change?.added == ["c"] && change?.removed == ["a"])
        #expect(ready(one).isEmpty, "what it gave up it does not look at")
        #expect(table.count == 2)
    }

    @Test mutating func exclusiveTakesOver() {
        _ = add(one, "a", exclusive: true)
        #expect(add(two, "a", exclusive: true)?.lost == [.init(client: one, queue: "a")])
        #expect(table.offer("a", topic: "P") == [two])
        // The loser does not know yet: its full list changes nothing, and it is told again.
        let change = table.replace(one, topic: "P", queues: ["a"], nowMillis: 1)
        #expect(change?.added == [] && change?.lost == [.init(client: one, queue: "a")])
        #expect(table.replace(one, topic: "P", queues: [], nowMillis: 1)?.lost == [])
        #expect(table.replace(one, topic: "P", queues: ["a"], nowMillis: 1)?.added == ["a"])
        #expect(add(one, "a", exclusive: true)?.lost == [.init(client: two, queue: "a")])
    }

    @Test mutating func tooManyAreRefusedAndRepetitionsAreNot() {
        #expect(add(one, "a", "b", "c") != nil)
        #expect(add(two, "a", "b") == nil)
        #expect(add(two, "a") != nil)
        #expect(add(two, "a") != nil)
        #expect(add(other, "a") == nil)
        #expect(table.replace(one, topic: "P", queues: ["a"], nowMillis: 0) != nil)
        #expect(add(other, "a") != nil)
        #expect(table.count == 3)
    }

    @Test mutating func whoLeavesHandsOnWhatItHadToLookAt() {
        _ = add(one, "a")
        _ = add(two, "a")
        _ = table.offer("a", topic: "P")
        _ = ready(two)
        #expect(table.leave(one) == [two])
        #expect(ready(two) == ["a"])
        #expect(table.clientCount == 1 && table.count == 1)
    }

    @Test mutating func theSilentAreForgotten() {
        _ = add(one, "a")
        _ = add(two, "a", now: 50)
        #expect(table.expire(nowMillis: 100).gone.isEmpty)
        table.saw(two, nowMillis: 60)
        _ = table.offer("a", topic: "P")
        _ = ready(two)
        let (gone, woken) = table.expire(nowMillis: 101)
        #expect(gone == [one] && woken == [two])
        #expect(table.expire(nowMillis: 200).gone == [two])
        #expect(table.clientCount == 0 && table.count == 0)
    }

    @Test mutating func wildcardClientsShareWhatThereIs() {
        #expect(table.join(one, topic: "P", places: 0, nowMillis: 0) == [one])
        #expect(table.join(one, topic: "P", places: 0, nowMillis: 1) == [])
        #expect(table.join(two, topic: "P", places: 0, nowMillis: 1) == [two])
        #expect(Set(table.offer("x", topic: "P")) == [one, two])
        #expect(table.offer("x", topic: "Q").isEmpty)
        #expect(table.hasReady(one) && table.hasReady(two))
        #expect(ready(two) == ["x"])
        #expect(!table.hasReady(one))
        _ = table.leave(one)
        _ = table.leave(two)
        #expect(table.offer("x", topic: "P").isEmpty)
    }

    @Test mutating func theFirstWildcardClientsLookAtAllThatIsThere() {
        func unseen(_ key: LiteClientKey, of places: Int = 3, _ topic: String = "P") -> Int? {
            table.takeUnseen(key, topic: topic, places: places)
        }
        _ = add(other, "a")
        #expect(table.join(one, topic: "P", places: 3, nowMillis: 0) == [one])
        #expect(table.hasReady(one) && !table.hasReady(two))
        #expect(unseen(two) == nil && unseen(other) == nil && unseen(one, "Q") == nil)
        #expect(unseen(one) == 2)
        // Together, whoever comes or leaves meanwhile.
        #expect(table.join(two, topic: "P", places: 3, nowMillis: 0) == [two])
        _ = table.leave(one)
        #expect(unseen(two) == 1)
        // The last place is gone, and comes again with what is offered.
        _ = table.lookAgain(group: "g", places: 3)
        #expect(unseen(two, of: 2) == 1 && unseen(two, of: 2) == 0 && unseen(two, of: 2) == nil)
        #expect(!table.hasReady(two))
        // The group is bound to another topic: what it was offered of the old one is no more for it.
        _ = table.offer("x", topic: "P")
        #expect(table.join(two, topic: "Q", places: 1, nowMillis: 0) == [two])
        #expect(ready(two).isEmpty && unseen(two) == nil && table.hasReady(two))
        #expect(table.offer("x", topic: "P").isEmpty && table.offer("y", topic: "Q") == [two])
        #expect(unseen(two, "Q") == 0)
    }

    @Test mutating func aWildcardClientThatLeavesHandsOnWhatIsShared() {
        for key in [one, two] { _ = table.join(key, topic: "P", places: 0, nowMillis: 0) }
        #expect(table.leave(one).isEmpty, "there is nothing")
        _ = table.join(one, topic: "P", places: 0, nowMillis: 0)
        _ = table.offer("x", topic: "P")
        #expect(table.leave(one) == [two])
        #expect(ready(two) == ["x"])
        _ = table.join(one, topic: "P", places: 0, nowMillis: 0)
        _ = table.lookAgain(group: "g", places: 1)
        #expect(table.leave(one) == [two])
    }

    @Test mutating func whoDoesNotKnowThatTheGroupIsBoundToAnotherTopicGetsNothingOfIt() {
        for key in [one, two] { _ = table.join(key, topic: "P", places: 0, nowMillis: 0) }
        _ = table.join(one, topic: "Q", places: 0, nowMillis: 0)
        table.offer("x", to: two)
        #expect(!table.hasReady(one))
        #expect(table.offer("y", topic: "Q") == [one])
        #expect(table.hasReady(one) && !table.hasReady(two))
        #expect(table.has("y", one) && !table.has("y", two))
        #expect(table.ready(two, max: 4).isEmpty && ready(two).isEmpty)
        #expect(ready(one) == ["y"])
        _ = table.offer("y", topic: "Q")
        #expect(table.leave(one).isEmpty)
        // It is bound to the first one again.
        #expect(table.join(one, topic: "P", places: 1, nowMillis: 0).map(Set.init) == [one, two])
        #expect(table.hasReady(two))
    }

    @Test mutating func aDeletedLiteTopicIsForgotten() {
        _ = add(one, "a", "b")
        _ = table.offer("a", topic: "P")
        table.forget(queue: "a")
        #expect(ready(one).isEmpty)
        #expect(table.subscriptions(of: one) == ["b"])
        #expect(table.holders(of: "a").isEmpty)
    }

    @Test func readyNamesKeepTheirOrderThroughRemovals() {
        var queue = LiteReadyQueue()
        for round in 0..<200 {
            queue.push("n\(round)")
            queue.push("n\(round)")
            if round % 2 == 0 { queue.remove("n\(round)") }
        }
        var names: [String] = []
        while let name = queue.pop() { names.append(name) }
        #expect(names == stride(from: 1, to: 200, by: 2).map { "n\($0)" })
        #expect(queue.isEmpty && queue.pop() == nil)
    }
}
