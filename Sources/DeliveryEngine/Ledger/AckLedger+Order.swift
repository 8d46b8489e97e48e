/// What an ordered pop did with a new message.
package enum Admission: Sendable, Hashable {
    /// It is handed out.
    case delivered
    /// An earlier message of its group is not done: it is kept for later, and the pop goes on behind it.
    case deferred
    /// It would have to wait too, and as many wait as may: the pop ends before it.
    case full
}

/// Order by message group: of the messages of one group one is in flight at a time, and each waits until the one before
/// it is acknowledged or dead-lettered. Messages of different groups do not wait for each other. Messages without a
/// group are one group, so such a queue is in order as a whole.
///
/// Groups are told apart by a hash of 64 bits: two groups that share it would wait for each other, nothing worse.
extension AckLedger {
    /// The key of a message group; no bytes stand for messages without one. FNV-1a, never 0. Keys are stored.
    package static func orderKey(_ messageGroup: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in messageGroup { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash == 0 ? 1 : hash
    }

    /// The key of a message group by its name; the empty name stands for messages without one.
    package static func orderKey(_ messageGroup: String) -> UInt64 {
        var messageGroup = messageGroup
        return messageGroup.withUTF8 { orderKey(UnsafeRawBufferPointer($0)) }
    }

    /// The key of a client's name for an attempt at a pop; 0 when it has none.
    package static func attemptKey(_ attemptID: String?) -> UInt64 {
        guard let attemptID, !attemptID.isEmpty else { return 0 }
        return orderKey(attemptID)
    }

    /// Prepares for an ordered pop.
    ///
    /// `keyOf` is asked for the message groups that the ledger does not know: those of messages that an unordered pop
    /// handed out, or that were recorded before groups were. Nil, for a message that cannot be read, counts as none.
    package mutating func beginOrdered(keyOf: (_ offset: Int64) -> UInt64?) {
        guard order == nil else { return }
        var index = OrderIndex()
        for position in Array(liveIndices) {
            if self[index: position].orderKey == 0 {
                let offset = self[index: position].offset
                self[index: position].orderKey = keyOf(offset) ?? Self.orderKey("")
            }
            _ = index.add(self[index: position])
        }
        order = index
        rebuildDue()
    }

    /// Ends what `beginOrdered` began: unordered pops take everything.
    mutating func endOrdered() {
        guard order != nil else { return }
        order = nil
        if deferredCount > 0 { rebuildDue() }
    }

    /// Whether an ordered pop may find something among new messages. `beginOrdered` was called.
    package var takesNewInOrder: Bool {
        guard inFlightCount < limits.inFlightMax else { return false }
        guard let wallKey = order?.wallKey, deferredCount >= limits.deferredMax else { return true }
        return order?.isFree(wallKey) ?? true
    }

    /// What a client that repeats an attempt gets again: the messages of that attempt whose invisible time has not
    /// passed, as the same delivery. `beginOrdered` was called.
    package func repeats(attemptKey: UInt64, nowMillis: Int64, maxCount: Int) -> DuePlan {
        var plan = DuePlan()
        guard attemptKey != 0, let offsets = order?.offsets(attemptKey: attemptKey) else { return plan }
        for offset in offsets.sorted() {
            guard plan.redeliver.count < maxCount, let entry = entry(offset: offset) else { continue }
            guard !entry.isDeferred, entry.visibleAtMillis > nowMillis else { continue }
            guard offset - (plan.redeliver.first?.offset ?? offset) < limits.offsetSpanMax else { break }
            plan.redeliver.append(Redelivery(offset: offset, attempt: entry.attempt))
        }
        return plan
    }

    /// Hands out or defers a new message of an ordered pop; offsets between the last one and this one are done.
    package mutating func admit(
        offset: Int64, orderKey: UInt64, popMillis: Int64, visibleAtMillis: Int64, attemptKey: UInt64
    ) -> Admission {
        precondition(offset >= nextOffset, "a new message lies after those handed out")
        let isFree = order?.isFree(orderKey) ?? true
        guard isFree || deferredCount < limits.deferredMax else {
            order?.wallKey = orderKey
            return .full
        }
        order?.wallKey = nil
        append(
            isFree
                ? Entry(
                    offset: offset, firstPopMillis: popMillis, visibleAtMillis: visibleAtMillis, attempt: 1,
                    orderKey: orderKey, attemptKey: attemptKey)
                : Entry(offset: offset, firstPopMillis: 0, visibleAtMillis: 0, attempt: 0, orderKey: orderKey))
        nextOffset = offset + 1
        return isFree ? .delivered : .deferred
    }

    /// Records that everything below `next` was looked at by an ordered pop.
    package mutating func advance(to next: Int64) {
        nextOffset = max(nextOffset, next)
    }
}
