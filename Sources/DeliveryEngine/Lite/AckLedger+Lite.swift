/// What a lite pop gets from the queue of a lite topic.
package enum LitePlan: Sendable, Hashable {
    /// Somebody has messages of it: nobody else gets any before that time.
    case blocked(untilMillis: Int64)
    /// The attempt that has its messages asks again: these, as the same delivery with a new time.
    case again([Redelivery])
    /// These again, and new messages up to the number.
    case deliver([Redelivery], newMax: Int)
    /// These have had all their attempts: copy them to the dead-letter queue, then settle them. They are held until then.
    case deadLetters([Redelivery])
}

/// Order by lite topic: what one pop took blocks the lite topic until it is all acknowledged, or its time is over.
///
/// A batch that nobody finished comes again as a whole, but for what was acknowledged of it, with new messages behind. A
/// ledger serves lite pops or others, never both.
extension AckLedger {
    /// The attempt of messages whose last delivery does not count; no text has this key in practice.
    static let suspendedKey = UInt64.max

    /// What a pop with that attempt gets now. Messages of a `deliver` plan must be given back with ``redeliver`` or
    /// ``settle``.
    package mutating func planLite(
        attemptKey: UInt64, nowMillis: Int64, maxCount: Int, maxAttempts: Int32
    ) -> LitePlan {
        let held = inFlight
        let blockers = held.filter { $0.visibleAtMillis > nowMillis }
        if let until = blockers.map(\.visibleAtMillis).max() {
            guard attemptKey != 0, attemptKey != Self.suspendedKey, held.count == blockers.count,
                held.allSatisfy({ $0.attemptKey == attemptKey })
            else { return .blocked(untilMillis: until) }
            return .again(held.prefix(maxCount).map { Redelivery(offset: $0.offset, attempt: $0.attempt) })
        }
        let dead = held.filter { $0.attempt >= maxAttempts && $0.attemptKey != Self.suspendedKey }
        guard dead.isEmpty else {
            let taken = dead.prefix(limits.deadLettersPerPopMax)
            for entry in taken {
                guard let index = index(of: entry.offset) else { continue }
                holdDeadLetter(index: index, nowMillis: nowMillis)
            }
            return .deadLetters(taken.map { Redelivery(offset: $0.offset, attempt: $0.attempt) })
        }
        let again = held.prefix(maxCount).map { entry in
            Redelivery(
                offset: entry.offset,
                attempt: entry.attemptKey == Self.suspendedKey ? entry.attempt : entry.attempt + 1)
        }
        // Behind messages that did not fit nothing new may go.
        return .deliver(again, newMax: again.count < held.count ? 0 : maxCount - again.count)
    }

    /// Records new messages of a lite pop; everything else below `next` is gone from the store.
    package mutating func deliverLite(
        offsets: some Sequence<Int64>, next: Int64, popMillis: Int64, visibleAtMillis: Int64, attemptKey: UInt64
    ) {
        for offset in offsets {
            precondition(offset >= nextOffset && offset < next, "a new message lies between the old and the new next")
            append(
                Entry(
                    offset: offset, firstPopMillis: popMillis, visibleAtMillis: visibleAtMillis, attempt: 1,
                    attemptKey: attemptKey))
        }
        nextOffset = max(nextOffset, next)
    }

    /// Puts off what is in flight, as a consumer asks that cannot work on it now: nothing of it is visible before that
    /// time, and the delivery does not count as an attempt. Returns what to record; nil when the handle is of no delivery
    /// in progress. `popMillis` is that of the handle.
    package mutating func suspendLite(
        offset: Int64, popMillis: Int64, visibleAtMillis: Int64
    ) -> LedgerChange.OrderedDelivery? {
        guard let entry = entry(offset: offset), !entry.isDeferred, popMillis >= entry.firstPopMillis else {
            return nil
        }
        var delivery = LedgerChange.OrderedDelivery(
            from: nextOffset, popMillis: entry.firstPopMillis, visibleAtMillis: visibleAtMillis,
            attemptKey: Self.suspendedKey)
        delivery.redelivered = inFlight.map { Redelivery(offset: $0.offset, attempt: $0.attempt) }
        for redelivery in delivery.redelivered {
            redeliver(
                redelivery, popMillis: delivery.popMillis, visibleAtMillis: visibleAtMillis,
                attemptKey: Self.suspendedKey)
        }
        return delivery
    }

    /// Until when nobody gets anything of the lite topic; nil when somebody may.
    package func liteBlockedUntilMillis(nowMillis: Int64) -> Int64? {
        inFlight.lazy.map(\.visibleAtMillis).filter { $0 > nowMillis }.max()
    }
}
