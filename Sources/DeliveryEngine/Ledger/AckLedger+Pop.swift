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

/// What an ordered pop may do with a queue.
package enum OrderedPlan: Sendable, Hashable {
    /// A batch is being worked on; the queue opens at that time unless the batch is acknowledged before.
    case blocked(untilMillis: Int64)
    /// Hand out these again; new messages may follow when the flag says so.
    case open(DuePlan, newAllowed: Bool)
}

extension AckLedger {
    /// Takes messages whose invisible time has passed, earliest first; the result is sorted by offset.
    ///
    /// Each taken message must be given back with `redeliver`, `settle`, `release` or `postpone`. Messages that had
    /// `maxAttempts` deliveries come back as dead letters; they stay invisible for a while, so that a failed move is
    /// tried again.
    package mutating func takeDue(nowMillis: Int64, maxCount: Int, maxAttempts: Int32) -> DuePlan {
        var plan = DuePlan()
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
            let attempt = self[index: index].attempt
            if attempt >= maxAttempts {
                plan.deadLetters.append(Redelivery(offset: item.offset, attempt: attempt))
                setVisible(index: index, atMillis: nowMillis + limits.deadLetterHoldMillis)
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

    /// When the last message in flight becomes visible, so that an ordered pop may go on; nil when none is in flight.
    package var opensAtMillis: Int64? {
        inFlightCount == 0 ? nil : latestVisibleAtMillis
    }

    /// What an ordered pop may hand out: one batch at a time, in the order of offsets, redeliveries first.
    ///
    /// The same non-empty `attemptID` as that of the batch in flight gets that batch again, as the same attempt.
    package mutating func planOrdered(
        nowMillis: Int64, maxCount: Int, maxAttempts: Int32, attemptID: String?
    ) -> OrderedPlan {
        guard inFlightCount > 0 else {
            return .open(DuePlan(), newAllowed: true)
        }
        var plan = DuePlan()
        let batch = inFlight
        if let attemptID, !attemptID.isEmpty, attemptID == orderAttemptID {
            plan.redeliver = batch.prefix(maxCount).map { Redelivery(offset: $0.offset, attempt: $0.attempt) }
            return .open(plan, newAllowed: false)
        }
        let opensAtMillis = latestVisibleAtMillis
        guard opensAtMillis <= nowMillis else { return .blocked(untilMillis: opensAtMillis) }
        for entry in batch {
            if entry.attempt >= maxAttempts {
                // It leaves for the dead-letter queue first; what follows it waits for that.
                guard plan.redeliver.isEmpty, let index = index(of: entry.offset) else { break }
                plan.deadLetters.append(Redelivery(offset: entry.offset, attempt: entry.attempt))
                setVisible(index: index, atMillis: nowMillis + limits.deadLetterHoldMillis)
                return .open(plan, newAllowed: false)
            }
            guard plan.redeliver.count < maxCount, entry.offset - batch[0].offset < limits.offsetSpanMax else { break }
            plan.redeliver.append(Redelivery(offset: entry.offset, attempt: entry.attempt + 1))
        }
        return .open(plan, newAllowed: plan.redeliver.count == batch.count)
    }

    /// Records that a message is handed out again.
    package mutating func redeliver(_ redelivery: Redelivery, popMillis: Int64, visibleAtMillis: Int64) {
        guard let index = index(of: redelivery.offset) else { return }
        if self[index: index].attempt != redelivery.attempt {
            self[index: index].attempt = redelivery.attempt
            self[index: index].firstPopMillis = popMillis
        }
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
        for offset in offsets {
            precondition(offset >= nextOffset && offset < next, "a new message lies between the old and the new next")
            append(
                Entry(offset: offset, firstPopMillis: popMillis, visibleAtMillis: visibleAtMillis, attempt: 1))
        }
        nextOffset = max(nextOffset, next)
    }

    /// Remembers which attempt of a client got the last ordered batch.
    package mutating func setOrderAttempt(_ attemptID: String?) {
        orderAttemptID = attemptID.flatMap { $0.isEmpty ? nil : $0 }
    }
}
