import Testing

@testable import DeliveryEngine

/// Order by lite topic, as a consumer sees it.
struct LiteLedgerTests {
    private var ledger = AckLedger(startOffset: 0, limits: .init(deadLetterHoldMillis: 500))
    private var changes: [LedgerChange] = []

    /// Pops as the broker does, from a queue that ends at `end`; answers offsets with their attempts.
    private mutating func pop(
        at now: Int64, end: Int64, max: Int = 3, attempt: String? = nil, visible: Int64 = 1_000, attempts: Int32 = 16
    ) -> [Redelivery]? {
        let key = AckLedger.attemptKey(attempt)
        switch ledger.planLite(attemptKey: key, nowMillis: now, maxCount: max, maxAttempts: attempts) {
        case .blocked, .deadLetters: return nil
        case .again(let again): return again
        case .deliver(let again, let newMax):
            var delivery = LedgerChange.OrderedDelivery(
                from: ledger.nextOffset, popMillis: now, visibleAtMillis: now + visible, attemptKey: key)
            for redelivery in again {
                ledger.redeliver(redelivery, popMillis: now, visibleAtMillis: now + visible, attemptKey: key)
            }
            let new = Array(ledger.nextOffset..<Swift.min(end, ledger.nextOffset + Int64(newMax)))
            delivery.redelivered = again
            delivery.new = new.map { .init(offset: $0, orderKey: 0, isDeferred: false) }
            delivery.next += Int64(new.count)
            ledger.deliverLite(
                offsets: new, next: delivery.next, popMillis: now, visibleAtMillis: now + visible, attemptKey: key)
            changes.append(.ordered(delivery))
            return again + new.map { Redelivery(offset: $0, attempt: 1) }
        }
    }

    private func plain(_ taken: [Redelivery]?) -> [String]? { taken?.map { "\($0.offset)/\($0.attempt)" } }

    @Test mutating func aBatchBlocksUntilItIsDone() {
        #expect(plain(pop(at: 0, end: 5)) == ["0/1", "1/1", "2/1"])
        #expect(pop(at: 10, end: 5) == nil)
        #expect(ledger.ack(offset: 0, popMillis: 0, isOrdered: true) == .acked(opensQueue: false))
        #expect(ledger.ack(offset: 2, popMillis: 0, isOrdered: true) == .acked(opensQueue: false))
        #expect(pop(at: 20, end: 5) == nil)
        #expect(ledger.ack(offset: 1, popMillis: 0, isOrdered: true) == .acked(opensQueue: true))
        #expect(plain(pop(at: 30, end: 5)) == ["3/1", "4/1"])
    }

    @Test mutating func whatIsNotAckedComesAgainBeforeTheRest() {
        _ = pop(at: 0, end: 5)
        _ = ledger.ack(offset: 1, popMillis: 0, isOrdered: true)
        #expect(ledger.liteBlockedUntilMillis(nowMillis: 999) == 1_000)
        #expect(plain(pop(at: 1_000, end: 5)) == ["0/2", "2/2", "3/1"])
        // A handle of the delivery before is good for nothing now.
        #expect(ledger.ack(offset: 0, popMillis: 0, isOrdered: true) == .staleHandle)
    }

    @Test mutating func oneMessageOfABatchHoldsTheOthers() {
        _ = pop(at: 0, end: 3)
        _ = ledger.changeInvisible(offset: 0, popMillis: 0, visibleAtMillis: 100)
        #expect(pop(at: 200, end: 3) == nil)
        _ = ledger.ack(offset: 1, popMillis: 0, isOrdered: true)
        _ = ledger.ack(offset: 2, popMillis: 0, isOrdered: true)
        #expect(plain(pop(at: 200, end: 3)) == ["0/2"])
    }

    @Test mutating func anAttemptThatIsRepeatedGetsTheSame() {
        #expect(plain(pop(at: 0, end: 5, attempt: "a")) == ["0/1", "1/1", "2/1"])
        #expect(plain(pop(at: 5, end: 5, attempt: "a")) == ["0/1", "1/1", "2/1"])
        #expect(pop(at: 5, end: 5, attempt: "b") == nil)
        #expect(plain(pop(at: 1_000, end: 5, attempt: "b")) == ["0/2", "1/2", "2/2"])
        #expect(pop(at: 1_001, end: 5, attempt: "a") == nil)
    }

    @Test mutating func aSuspendedDeliveryDoesNotCount() {
        _ = pop(at: 0, end: 2, attempt: "a")
        let change = ledger.suspendLite(offset: 1, popMillis: 0, visibleAtMillis: 300)
        #expect(change?.redelivered.map(\.offset) == [0, 1])
        #expect(pop(at: 299, end: 2, attempt: "a") == nil)
        #expect(plain(pop(at: 300, end: 2, attempt: "c")) == ["0/1", "1/1"])
        let late = ledger.suspendLite(offset: 1, popMillis: 0, visibleAtMillis: 900)
        #expect(late == nil, "an old handle")
        #expect(plain(pop(at: 1_300, end: 2)) == ["0/2", "1/2"])
    }

    @Test mutating func whatHadAllAttemptsIsForTheDeadLetterQueueAndHoldsTheRest() {
        _ = pop(at: 0, end: 2, max: 1, attempts: 2)
        #expect(plain(pop(at: 1_000, end: 2, max: 1, attempts: 2)) == ["0/2"])
        let plan = ledger.planLite(attemptKey: 0, nowMillis: 2_000, maxCount: 3, maxAttempts: 2)
        #expect(plan == .deadLetters([Redelivery(offset: 0, attempt: 2)]))
        #expect(pop(at: 2_100, end: 2, attempts: 2) == nil)
        ledger.settle(offset: 0)
        #expect(plain(pop(at: 2_100, end: 2, attempts: 2)) == ["1/1"])
    }

    @Test mutating func theJournalRebuildsIt() throws {
        _ = pop(at: 0, end: 4, attempt: "a")
        let suspended = ledger.suspendLite(offset: 0, popMillis: 0, visibleAtMillis: 50)
        changes.append(.ordered(try #require(suspended)))
        _ = pop(at: 50, end: 4, max: 2, attempt: "b")
        _ = ledger.ack(offset: 1, popMillis: 50, isOrdered: true)
        changes.append(.done(offset: 1))
        var copy = AckLedger(startOffset: 0)
        for change in changes { copy.apply(change) }
        #expect(copy.nextOffset == ledger.nextOffset)
        #expect(copy.live == ledger.live)
        #expect(copy.liteBlockedUntilMillis(nowMillis: 60) == ledger.liteBlockedUntilMillis(nowMillis: 60))
    }
}
