import Testing

@testable import DeliveryEngine

/// Transcripts: what goes in, what comes out, in the order of a consumer's life.
@Suite struct AckLedgerTests {
    /// A ledger that has handed out `offsets` at time 1000 for 100 ms.
    private func ledger(delivered offsets: [Int64], next: Int64? = nil) -> AckLedger {
        var ledger = AckLedger(startOffset: 0)
        ledger.deliverNew(
            offsets: offsets, next: next ?? ((offsets.last ?? -1) + 1), popMillis: 1000, visibleAtMillis: 1100)
        return ledger
    }

    @Test func acksMoveTheLowWaterMarkOverDoneMessages() {
        var ledger = ledger(delivered: [0, 1, 2, 3])
        #expect(ledger.lowWater == 0)
        #expect(ledger.ack(offset: 1, popMillis: 1000, isOrdered: false) == .acked(opensQueue: false))
        #expect(ledger.lowWater == 0)
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: false) == .acked(opensQueue: false))
        #expect(ledger.lowWater == 2)
        #expect(ledger.ack(offset: 3, popMillis: 1000, isOrdered: false) == .acked(opensQueue: false))
        #expect(ledger.ack(offset: 2, popMillis: 1000, isOrdered: false) == .acked(opensQueue: true))
        #expect(ledger.lowWater == 4)
        #expect(ledger.nextVisibleAtMillis() == nil)
    }

    @Test func ackIsIdempotent() {
        var ledger = ledger(delivered: [0])
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: false) == .acked(opensQueue: true))
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: false) == .alreadyDone)
        #expect(ledger.ack(offset: 1, popMillis: 1000, isOrdered: false) == .neverDelivered)
    }

    @Test func filteredMessagesAreDone() {
        var ledger = ledger(delivered: [1, 4], next: 6)
        #expect(ledger.lowWater == 1)
        #expect(ledger.ack(offset: 2, popMillis: 1000, isOrdered: false) == .alreadyDone)
        #expect(ledger.ack(offset: 4, popMillis: 1000, isOrdered: false) == .acked(opensQueue: false))
        #expect(ledger.ack(offset: 1, popMillis: 1000, isOrdered: false) == .acked(opensQueue: true))
        #expect(ledger.lowWater == 6)
    }

    @Test func redeliversWhenTheInvisibleTimeEndsAndNotBefore() {
        var ledger = ledger(delivered: [0, 1])
        #expect(ledger.takeDue(nowMillis: 1099, maxCount: 32, maxAttempts: 17) == DuePlan())
        let plan = ledger.takeDue(nowMillis: 1100, maxCount: 32, maxAttempts: 17)
        #expect(plan.redeliver == [Redelivery(offset: 0, attempt: 2), Redelivery(offset: 1, attempt: 2)])
        for redelivery in plan.redeliver { ledger.redeliver(redelivery, popMillis: 1100, visibleAtMillis: 1200) }
        #expect(ledger.hasDue(nowMillis: 1199) == false)
        #expect(ledger.hasDue(nowMillis: 1200) == true)
    }

    @Test func takesTheEarliestVisibleFirst() {
        var ledger = ledger(delivered: [0, 1, 2])
        _ = ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: 1300)
        _ = ledger.changeInvisible(offset: 2, popMillis: 1000, visibleAtMillis: 1050)
        #expect(ledger.nextVisibleAtMillis() == 1050)
        #expect(ledger.takeDue(nowMillis: 2000, maxCount: 1, maxAttempts: 17).redeliver.map(\.offset) == [2])
        #expect(ledger.takeDue(nowMillis: 2000, maxCount: 1, maxAttempts: 17).redeliver.map(\.offset) == [1])
        #expect(ledger.takeDue(nowMillis: 2000, maxCount: 1, maxAttempts: 17).redeliver.map(\.offset) == [0])
    }

    @Test func aMessageMovedToAndFroIsTakenOnce() {
        var ledger = ledger(delivered: [0])
        for visibleAt: Int64 in [1100, 1300, 1100] {
            _ = ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: visibleAt)
        }
        #expect(ledger.takeDue(nowMillis: 1100, maxCount: 32, maxAttempts: 17).redeliver.count == 1)
    }

    @Test func aReleasedMessageIsDueAgain() {
        var ledger = ledger(delivered: [0])
        #expect(ledger.takeDue(nowMillis: 1100, maxCount: 1, maxAttempts: 17).redeliver.count == 1)
        #expect(ledger.takeDue(nowMillis: 1100, maxCount: 1, maxAttempts: 17).redeliver.isEmpty)
        ledger.release(offset: 0)
        #expect(
            ledger.takeDue(nowMillis: 1100, maxCount: 1, maxAttempts: 17).redeliver
                == [Redelivery(offset: 0, attempt: 2)])
    }

    @Test func aRenewedAttemptKeepsItsFirstHandle() {
        var ledger = ledger(delivered: [0])
        #expect(
            ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: 1500)
                == .changed(visibleAtMillis: 1500))
        // The handle from before the change: still the same attempt, for another change and for the ack.
        #expect(
            ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: 1600)
                == .changed(visibleAtMillis: 1600))
        #expect(ledger.hasDue(nowMillis: 1599) == false)
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: true) == .acked(opensQueue: true))
    }

    @Test func aHandleOfAnEarlierAttemptAcksButDoesNotChange() {
        var ledger = ledger(delivered: [0])
        for redelivery in ledger.takeDue(nowMillis: 1100, maxCount: 1, maxAttempts: 17).redeliver {
            ledger.redeliver(redelivery, popMillis: 1100, visibleAtMillis: 1200)
        }
        #expect(ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: 1101) == .staleHandle)
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: true) == .staleHandle)
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: false) == .acked(opensQueue: true))
        #expect(ledger.changeInvisible(offset: 0, popMillis: 1100, visibleAtMillis: 1300) == .alreadyDone)
        #expect(ledger.changeInvisible(offset: 9, popMillis: 1100, visibleAtMillis: 1300) == .neverDelivered)
    }

    @Test func anExpiredAttemptNobodyElseGotStillAcksAndRenews() {
        var ledger = ledger(delivered: [0])
        #expect(
            ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: 9000)
                == .changed(visibleAtMillis: 9000))
        #expect(ledger.ack(offset: 0, popMillis: 1000, isOrdered: false) == .acked(opensQueue: true))
    }

    @Test func nobodyKeepsADeadLetter() {
        var ledger = ledger(delivered: [0])
        #expect(ledger.takeDue(nowMillis: 1100, maxCount: 32, maxAttempts: 1).deadLetters.count == 1)
        // Its copy is on the way: then the next message of its group would go, though somebody works on this one.
        #expect(ledger.changeInvisible(offset: 0, popMillis: 1000, visibleAtMillis: 9000) == .staleHandle)
        // Who is done with it may say so, and with more attempts it is like any other.
        let plan = ledger.takeDue(nowMillis: 1_000_000, maxCount: 32, maxAttempts: 2)
        for redelivery in plan.redeliver {
            ledger.redeliver(redelivery, popMillis: 1_000_000, visibleAtMillis: 1_000_100)
        }
        #expect(
            ledger.changeInvisible(offset: 0, popMillis: 1_000_000, visibleAtMillis: 1_000_200)
                == .changed(visibleAtMillis: 1_000_200))
    }

    @Test func deadLettersAfterTheLastAttempt() {
        var ledger = ledger(delivered: [0])
        for redelivery in ledger.takeDue(nowMillis: 1100, maxCount: 1, maxAttempts: 2).redeliver {
            ledger.redeliver(redelivery, popMillis: 1100, visibleAtMillis: 1200)
        }
        var plan = ledger.takeDue(nowMillis: 1200, maxCount: 1, maxAttempts: 2)
        #expect(plan.redeliver.isEmpty)
        #expect(plan.deadLetters == [Redelivery(offset: 0, attempt: 2)])
        // The move is under way; when it fails, it is due again after the hold.
        plan = ledger.takeDue(nowMillis: 1201, maxCount: 1, maxAttempts: 2)
        #expect(plan == DuePlan())
        plan = ledger.takeDue(nowMillis: 31_200, maxCount: 1, maxAttempts: 2)
        #expect(plan.deadLetters.count == 1)
        #expect(ledger.settle(offset: 0) == true)
        #expect(ledger.lowWater == 1)
    }

    @Test func aFullLedgerHandsOutRedeliveriesOnly() {
        var ledger = AckLedger(startOffset: 0, limits: AckLedger.Limits(inFlightMax: 3))
        #expect(ledger.newAllowance(maxCount: 32, lowestRedelivered: nil) == 3)
        ledger.deliverNew(offsets: [0, 1, 2], next: 3, popMillis: 0, visibleAtMillis: 100)
        #expect(ledger.isFull)
        #expect(ledger.newAllowance(maxCount: 32, lowestRedelivered: nil) == 0)
        #expect(ledger.takeDue(nowMillis: 100, maxCount: 32, maxAttempts: 17).redeliver.count == 3)
        #expect(ledger.ack(offset: 1, popMillis: 0, isOrdered: false) == .acked(opensQueue: true))
        #expect(ledger.newAllowance(maxCount: 32, lowestRedelivered: nil) == 1)
    }

    @Test func oneAnswerSpansFewOffsets() {
        var ledger = AckLedger(startOffset: 0, limits: AckLedger.Limits(offsetSpanMax: 100))
        ledger.deliverNew(offsets: [0, 99, 100], next: 150, popMillis: 0, visibleAtMillis: 100)
        let plan = ledger.takeDue(nowMillis: 100, maxCount: 32, maxAttempts: 17)
        #expect(plan.redeliver.map(\.offset) == [0, 99])
        #expect(ledger.newAllowance(maxCount: 32, lowestRedelivered: 0) == 0)
        #expect(ledger.newAllowance(maxCount: 32, lowestRedelivered: 120) == 32)
        #expect(ledger.takeDue(nowMillis: 100, maxCount: 32, maxAttempts: 17).redeliver.map(\.offset) == [100])
    }

    @Test func retentionAndALostTailCutTheLedger() {
        var ledger = ledger(delivered: [0, 1, 5, 9], next: 10)
        #expect(ledger.reconcile(minOffset: 0, maxOffset: 10) == false)
        #expect(ledger.reconcile(minOffset: 2, maxOffset: 8) == true)
        #expect(ledger.inFlight.map(\.offset) == [5])
        #expect(ledger.nextOffset == 8)
        ledger.deliverNew(offsets: [8], next: 9, popMillis: 0, visibleAtMillis: 1)
        #expect(ledger.inFlight.map(\.offset) == [5, 8])
        #expect(ledger.reconcile(minOffset: 100, maxOffset: 200) == true)
        #expect(ledger.lowWater == 100)
    }

    @Test func memoryStaysWithTheMessagesInFlight() {
        var ledger = AckLedger(startOffset: 0)
        for offset in Int64(0)..<50_000 {
            ledger.deliverNew(
                offsets: CollectionOfOne(offset), next: offset + 1, popMillis: offset, visibleAtMillis: offset + 1000)
            if offset > 0 { _ = ledger.ack(offset: offset, popMillis: offset, isOrdered: false) }
        }
        #expect(ledger.inFlight.map(\.offset) == [0])
        #expect(ledger.due.count <= 67)
        #expect(ledger.ack(offset: 0, popMillis: 0, isOrdered: false) == .acked(opensQueue: true))
        #expect(ledger.lowWater == 50_000)
    }
}
