import Testing

@testable import DeliveryEngine

/// Transcripts of ordered pops on a queue whose messages are `groups`, one character each.
private struct OrderedQueue {
    var ledger: AckLedger
    var groups: [Character]
    var now: Int64 = 1_000

    init(_ groups: String, limits: AckLedger.Limits = AckLedger.Limits()) {
        ledger = AckLedger(startOffset: 0, limits: limits)
        self.groups = Array(groups)
    }

    /// A pop that makes messages invisible for 100 ms; returns `offset` or `offset*attempt`, and `offset!` for a dead
    /// letter.
    mutating func pop(_ maxCount: Int = 32, attempt: String? = nil, maxAttempts: Int32 = 3) -> [String] {
        let attemptKey = AckLedger.attemptKey(attempt)
        let groups = groups
        ledger.beginOrdered { offset in AckLedger.orderKey(String(groups[Int(offset)])) }
        var plan = ledger.repeats(attemptKey: attemptKey, nowMillis: now, maxCount: maxCount)
        let isRepeat = !plan.redeliver.isEmpty
        if !isRepeat {
            plan = ledger.takeDue(nowMillis: now, maxCount: maxCount, maxAttempts: maxAttempts, isOrdered: true)
        }
        var taken = plan.deadLetters.map { "\($0.offset)!" }
        for redelivery in plan.redeliver {
            ledger.redeliver(redelivery, popMillis: now, visibleAtMillis: now + 100, attemptKey: attemptKey)
            taken.append(
                redelivery.attempt == 1 ? "\(redelivery.offset)" : "\(redelivery.offset)*\(redelivery.attempt)")
        }
        var left = maxCount - plan.redeliver.count
        while !isRepeat, left > 0, ledger.nextOffset < groups.count, ledger.takesNewInOrder {
            let offset = ledger.nextOffset
            let admission = ledger.admit(
                offset: offset, orderKey: AckLedger.orderKey(String(groups[Int(offset)])), popMillis: now,
                visibleAtMillis: now + 100, attemptKey: attemptKey)
            if admission == .full { break }
            guard admission == .delivered else { continue }
            taken.append("\(offset)")
            left -= 1
        }
        return taken
    }

    mutating func ack(_ offset: Int64, popped: Int64? = nil) -> AckOutcome {
        ledger.ack(offset: offset, popMillis: popped ?? now, isOrdered: true)
    }
}

@Suite struct OrderedPopTests {
    @Test func oneMessageOfAGroupAtATime() {
        var queue = OrderedQueue("aabacb")
        #expect(queue.pop() == ["0", "2", "4"])
        #expect(queue.ledger.deferredCount == 3)
        #expect(queue.pop() == [])
        #expect(queue.ack(2) == .acked(opensQueue: true))
        #expect(queue.pop() == ["5"])
        #expect(queue.ack(0) == .acked(opensQueue: true))
        #expect(queue.pop() == ["1"])
        #expect(queue.ack(1) == .acked(opensQueue: true))
        #expect(queue.pop() == ["3"])
        #expect(queue.ack(4) == .acked(opensQueue: false))
        #expect(queue.ack(5) == .acked(opensQueue: false))
        #expect(queue.ack(3) == .acked(opensQueue: true))
        #expect(queue.ledger.lowWater == 6)
        #expect(queue.ledger.deferredCount == 0)
    }

    @Test func aFailedMessageHoldsItsGroupOnly() {
        var queue = OrderedQueue("abab")
        #expect(queue.pop() == ["0", "1"])
        #expect(queue.ack(1) == .acked(opensQueue: true))
        queue.now = 1_099
        #expect(queue.pop() == ["3"])
        queue.now = 1_100
        #expect(queue.pop() == ["0*2"])
        #expect(queue.ack(0, popped: 1_000) == .staleHandle)
        #expect(queue.ack(0) == .acked(opensQueue: true))
        #expect(queue.pop() == ["2"])
    }

    @Test func deferredMessagesAreNobodysUntilTheyAreHandedOut() {
        var queue = OrderedQueue("aa")
        #expect(queue.pop() == ["0"])
        #expect(queue.ack(1) == .neverDelivered)
        #expect(queue.ledger.changeInvisible(offset: 1, popMillis: 2_000, visibleAtMillis: 0) == .neverDelivered)
        #expect(queue.ledger.nextVisibleAtMillis() == 1_100)
    }

    @Test func aPoisonMessageLeavesBeforeItsGroupGoesOn() {
        var queue = OrderedQueue("aab")
        #expect(queue.pop() == ["0", "2"])
        #expect(queue.ack(2) == .acked(opensQueue: false))
        for attempt in 2...3 {
            queue.now += 100
            #expect(queue.pop() == ["0*\(attempt)"])
        }
        queue.now += 100
        #expect(queue.pop() == ["0!"])
        #expect(queue.pop() == [])
        #expect(queue.ledger.settle(offset: 0) == true)
        #expect(queue.pop() == ["1"])
    }

    @Test func theSameAttemptHasItsMessagesAgain() {
        var queue = OrderedQueue("abcd")
        #expect(queue.pop(2, attempt: "x") == ["0", "1"])
        #expect(queue.pop(1, attempt: "y") == ["2"])
        #expect(queue.ack(0) == .acked(opensQueue: false))
        queue.now += 50
        #expect(queue.pop(attempt: "x") == ["1"])
        #expect(queue.pop(attempt: "y") == ["2"])
        // Both answers to the attempt hold good handles.
        #expect(queue.ack(1, popped: 1_000) == .acked(opensQueue: false))
        #expect(queue.pop(attempt: "x") == ["3"])
        // Once the invisible time has passed, it is a delivery like others.
        queue.now += 100
        #expect(queue.pop(attempt: "y") == ["2*2", "3*2"])
    }

    @Test func whatFollowsWaitsWhenAsManyWaitAsMay() {
        var queue = OrderedQueue("aaaabc", limits: AckLedger.Limits(deferredMax: 2))
        #expect(queue.pop() == ["0"])
        #expect(queue.ledger.deferredCount == 2)
        #expect(queue.ledger.takesNewInOrder == false)
        #expect(queue.ack(0) == .acked(opensQueue: true))
        #expect(queue.pop() == ["1", "4", "5"])
        #expect(queue.ledger.live.map(\.offset) == [1, 2, 3, 4, 5])
    }

    @Test func aFullLookAheadOpensWhenTheGroupAtItsEndIsFree() {
        var queue = OrderedQueue("abbaac", limits: AckLedger.Limits(deferredMax: 1))
        #expect(queue.pop() == ["0", "1"])
        #expect(queue.ledger.nextOffset == 3)
        #expect(queue.ack(0) == .acked(opensQueue: false))
        #expect(queue.ledger.takesNewInOrder)
        #expect(queue.pop() == ["3"])
    }

    @Test func unorderedPopsTakeEverything() {
        var queue = OrderedQueue("aaab")
        #expect(queue.pop() == ["0", "3"])
        let plan = queue.ledger.takeDue(nowMillis: queue.now, maxCount: 32, maxAttempts: 3)
        #expect(plan.redeliver == [Redelivery(offset: 1, attempt: 1), Redelivery(offset: 2, attempt: 1)])
        for redelivery in plan.redeliver {
            queue.ledger.redeliver(redelivery, popMillis: queue.now, visibleAtMillis: queue.now + 50)
        }
        #expect(queue.ledger.deferredCount == 0)
        // Back in order: what is in flight waits for the first of its group.
        queue.now += 60
        #expect(queue.pop() == [])
        queue.now += 40
        #expect(queue.pop() == ["0*2", "3*2"])
        #expect(queue.ack(0) == .acked(opensQueue: true))
        #expect(queue.pop() == ["1*2"])
    }

    @Test func aLedgerFromBeforeTheGroupsGoesOnInOrder() {
        var queue = OrderedQueue("abab")
        queue.ledger.deliverNew(offsets: [0, 1, 2], next: 3, popMillis: 900, visibleAtMillis: 1_050)
        #expect(queue.pop() == [])
        #expect(queue.ack(0, popped: 900) == .acked(opensQueue: true))
        queue.now = 1_050
        #expect(queue.pop() == ["1*2", "2*2"])
        #expect(queue.ack(1) == .acked(opensQueue: true))
        #expect(queue.pop() == ["3"])
    }

    @Test func oneAnswerSpansFewOffsets() {
        var queue = OrderedQueue(
            "a" + String(repeating: "b", count: 20), limits: AckLedger.Limits(offsetSpanMax: 10))
        #expect(queue.pop() == ["0", "1"])
        for offset in Int64(1)...15 {
            #expect(queue.ack(offset) == .acked(opensQueue: true))
            #expect(queue.pop() == ["\(offset + 1)"])
        }
        queue.now += 100
        #expect(queue.pop() == ["0*2"])
        #expect(queue.pop() == ["16*2"])
    }
}
