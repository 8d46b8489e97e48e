/// What an acknowledgement did.
package enum AckOutcome: Sendable, Hashable {
    /// The message is done now. `opensQueue`: the queue had been full, or nothing of it is in flight any more, or the
    /// next message of its group can go, so a parked pop may find work.
    case acked(opensQueue: Bool)
    /// It had been done before; nothing changed.
    case alreadyDone
    /// The handle is of an earlier delivery of an ordered message, which somebody else holds now; nothing changed.
    case staleHandle
    /// The message has not been handed out, as far as the ledger knows; nothing changed.
    case neverDelivered
}

/// What a change of the invisible time did.
package enum ChangeOutcome: Sendable, Hashable {
    /// The message stays invisible until then.
    case changed(visibleAtMillis: Int64)
    /// The message is done; nothing changed.
    case alreadyDone
    /// The handle is of an earlier delivery, or the message is on its way to the dead-letter queue; nothing changed.
    case staleHandle
    /// The message has not been handed out, as far as the ledger knows; nothing changed.
    case neverDelivered
}

extension AckLedger {
    /// Marks a message as done. `popMillis` is that of the handle.
    package mutating func ack(offset: Int64, popMillis: Int64, isOrdered: Bool) -> AckOutcome {
        guard offset < nextOffset else { return .neverDelivered }
        guard let index = index(of: offset) else { return .alreadyDone }
        guard !self[index: index].isDeferred else { return .neverDelivered }
        if isOrdered, popMillis < self[index: index].firstPopMillis { return .staleHandle }
        let wasFull = isFull
        let opensGroup = remove(index: index)
        return .acked(opensQueue: wasFull || opensGroup || inFlightCount == 0)
    }

    /// Sets when a message may be delivered again. `popMillis` is that of the handle.
    package mutating func changeInvisible(
        offset: Int64, popMillis: Int64, visibleAtMillis: Int64
    ) -> ChangeOutcome {
        guard offset < nextOffset else { return .neverDelivered }
        guard let index = index(of: offset) else { return .alreadyDone }
        guard !self[index: index].isDeferred else { return .neverDelivered }
        guard popMillis >= self[index: index].firstPopMillis, !deadLetters.contains(offset) else { return .staleHandle }
        setVisible(index: index, atMillis: visibleAtMillis)
        return .changed(visibleAtMillis: visibleAtMillis)
    }

    /// Lets a message be delivered again sooner than its delivery was told; false when something has changed since then, or
    /// it would not be sooner.
    package mutating func bringForward(offset: Int64, fromMillis: Int64, toMillis: Int64) -> Bool {
        guard toMillis < fromMillis, let index = index(of: offset), !self[index: index].isDeferred,
            self[index: index].visibleAtMillis == fromMillis
        else { return false }
        setVisible(index: index, atMillis: toMillis)
        return true
    }

    /// Marks a message as done whatever handle it has: filtered out, gone from the store or dead-lettered.
    @discardableResult
    package mutating func settle(offset: Int64) -> Bool {
        guard let index = index(of: offset) else { return false }
        remove(index: index)
        return true
    }

    /// Starts over at an offset; nothing stays in flight or deferred.
    package mutating func reset(to offset: Int64) {
        removeAllEntries()
        nextOffset = offset
    }

    /// Brings the ledger in line with what the queue holds; returns true when that changed anything.
    ///
    /// Messages below `minOffset` were removed by retention and count as done. A `maxOffset` below `nextOffset` means
    /// that the log lost its tail (a power failure without synchronous flush): the offsets will be given to other
    /// messages, which must not count as delivered.
    package mutating func reconcile(minOffset: Int64, maxOffset: Int64) -> Bool {
        guard lowWater < minOffset || nextOffset > maxOffset else { return false }
        let kept = live.filter { $0.offset >= minOffset && $0.offset < maxOffset }
        removeAllEntries()
        for entry in kept { append(entry) }
        nextOffset = max(min(nextOffset, maxOffset), minOffset)
        return true
    }
}
