/// A message to hand out again.
package struct Redelivery: Sendable, Hashable {
    /// Its queue offset.
    package var offset: Int64
    /// The attempt this delivery is; the same as before when a client repeats an ordered pop.
    package var attempt: Int32

    /// A redelivery by its parts.
    package init(offset: Int64, attempt: Int32) {
        self.offset = offset
        self.attempt = attempt
    }
}

/// What a pop has to do with messages that were handed out before.
package struct DuePlan: Sendable, Hashable {
    /// Messages to hand out again, by offset.
    package var redeliver: [Redelivery] = []
    /// Messages that had all their attempts: copy them to the dead-letter queue, then settle them.
    package var deadLetters: [Redelivery] = []

    /// Nothing to do.
    package init() {}
}

extension AckLedger {
    /// Takes messages whose invisible time has passed, earliest first; the result is sorted by offset.
    ///
    /// Each taken message must be given back with `redeliver`, `settle`, `release` or `postpone`. Messages that had
    /// `maxAttempts` deliveries come back as dead letters; they stay invisible for a while, so that a failed move is
    /// tried again.
    ///
    /// An ordered pop gets only the first message of each group, deferred ones that have become first among them, and
    /// calls `beginOrdered` before.
    package mutating func takeDue(
        nowMillis: Int64, maxCount: Int, maxAttempts: Int32, isOrdered: Bool = false
    ) -> DuePlan {
        if !isOrdered { endOrdered() }
        var plan = DuePlan()
        // Handed out by an unordered pop, and not their groups' turn: they keep their times.
        var outOfTurn: [DueItem] = []
        defer { for item in outOfTurn { due.push(item) } }
        guard let first = due.top, first.visibleAtMillis <= nowMillis else { return plan }
        var lowest = Int64.max
        var highest = Int64.min
        while plan.redeliver.count < maxCount, plan.deadLetters.count < limits.deadLettersPerPopMax,
            let item = due.top, item.visibleAtMillis <= nowMillis
        {
            // Changes to and fro leave equal items; they lie together.
            while due.top == item { due.pop() }
            guard let index = index(of: item.offset), self[index: index].visibleAtMillis == item.visibleAtMillis else {
                continue
            }
            if isOrdered, order?.isFirst(self[index: index]) == false {
                outOfTurn.append(item)
                continue
            }
            let attempt = self[index: index].attempt
            if attempt >= maxAttempts {
                plan.deadLetters.append(Redelivery(offset: item.offset, attempt: attempt))
                holdDeadLetter(index: index, nowMillis: nowMillis)
                continue
            }
            lowest = min(lowest, item.offset)
            highest = max(highest, item.offset)
            if highest - lowest >= limits.offsetSpanMax {
                due.push(item)
                break
            }
            plan.redeliver.append(Redelivery(offset: item.offset, attempt: attempt + 1))
        }
        plan.redeliver.sort { $0.offset < $1.offset }
        return plan
    }

    /// How many new messages may follow redeliveries that start at `lowestRedelivered` in one answer.
    package func newAllowance(maxCount: Int, lowestRedelivered: Int64?) -> Int {
        var allowance = min(maxCount, limits.inFlightMax - inFlightCount)
        if let lowestRedelivered {
            let span = limits.offsetSpanMax - (nextOffset - lowestRedelivered)
            allowance = Int(min(Int64(allowance), span))
        }
        return max(0, allowance)
    }

    /// Records that a message is handed out again, or for the first time when it was deferred.
    package mutating func redeliver(
        _ redelivery: Redelivery, popMillis: Int64, visibleAtMillis: Int64, attemptKey: UInt64 = 0
    ) {
        guard let index = index(of: redelivery.offset) else { return }
        let entry = self[index: index]
        // A suspended delivery that goes on is another one, though the attempt is the same.
        let isResumed = entry.attemptKey == Self.suspendedKey && attemptKey != Self.suspendedKey
        if entry.attempt != redelivery.attempt || isResumed {
            setAttempt(index: index, redelivery.attempt, popMillis: popMillis)
        }
        let updated = self[index: index]
        order?.setAttempt(updated, to: attemptKey)
        self[index: index].attemptKey = attemptKey
        setVisible(index: index, atMillis: visibleAtMillis)
    }

    /// Gives a taken message back unchanged, because the answer has no room for it.
    package mutating func release(offset: Int64) {
        guard let index = index(of: offset) else { return }
        setVisible(index: index, atMillis: self[index: index].visibleAtMillis)
    }

    /// Gives a taken message back to be looked at later, because it could not be read. The attempt is as before.
    package mutating func postpone(offset: Int64, untilMillis: Int64) {
        guard let index = index(of: offset) else { return }
        setVisible(index: index, atMillis: untilMillis)
    }

    /// Records new messages handed out, and that everything else below `next` was filtered out.
    package mutating func deliverNew(
        offsets: some Sequence<Int64>, next: Int64, popMillis: Int64, visibleAtMillis: Int64
    ) {
        endOrdered()
        for offset in offsets {
            precondition(offset >= nextOffset && offset < next, "a new message lies between the old and the new next")
            append(
                Entry(offset: offset, firstPopMillis: popMillis, visibleAtMillis: visibleAtMillis, attempt: 1))
        }
        nextOffset = max(nextOffset, next)
    }
}
