extension LedgerChange {
    /// What one ordered pop did with one queue: everything in `from..<next` is delivered, deferred or filtered out.
    package struct OrderedDelivery: Sendable, Hashable {
        /// A new message.
        package struct New: Sendable, Hashable {
            /// Its queue offset.
            package var offset: Int64
            /// The key of its message group.
            package var orderKey: UInt64
            /// Whether it was passed over.
            package var isDeferred: Bool

            /// A new message by its parts.
            package init(offset: Int64, orderKey: UInt64, isDeferred: Bool) {
                self.offset = offset
                self.orderKey = orderKey
                self.isDeferred = isDeferred
            }
        }

        /// `nextOffset` before.
        package var from: Int64
        /// `nextOffset` after.
        package var next: Int64
        /// When the messages were handed out.
        package var popMillis: Int64
        /// When they may be delivered again.
        package var visibleAtMillis: Int64
        /// The client's attempt; 0 without a name.
        package var attemptKey: UInt64
        /// New messages, ascending.
        package var new: [New] = []
        /// Messages handed out again, or for the first time after they were deferred.
        package var redelivered: [Redelivery] = []

        /// A delivery of nothing yet.
        package init(from: Int64, popMillis: Int64, visibleAtMillis: Int64, attemptKey: UInt64) {
            self.from = from
            self.next = from
            self.popMillis = popMillis
            self.visibleAtMillis = visibleAtMillis
            self.attemptKey = attemptKey
        }

        /// Whether it changes nothing.
        package var isEmpty: Bool { new.isEmpty && redelivered.isEmpty && next == from }
    }
}

extension LedgerChange.OrderedDelivery {
    private static let deferredFlag: UInt8 = 1

    func encode(into bytes: inout [UInt8]) {
        LedgerWriter.signed(from, to: &bytes)
        LedgerWriter.signed(next - from, to: &bytes)
        LedgerWriter.signed(popMillis, to: &bytes)
        LedgerWriter.signed(visibleAtMillis - popMillis, to: &bytes)
        LedgerWriter.unsigned(attemptKey, to: &bytes)
        LedgerWriter.unsigned(UInt64(new.count), to: &bytes)
        var previous = from
        for message in new {
            LedgerWriter.signed(message.offset - previous, to: &bytes)
            bytes.append(message.isDeferred ? Self.deferredFlag : 0)
            LedgerWriter.unsigned(message.orderKey, to: &bytes)
            previous = message.offset
        }
        LedgerWriter.unsigned(UInt64(redelivered.count), to: &bytes)
        for redelivery in redelivered {
            LedgerWriter.signed(from - redelivery.offset, to: &bytes)
            LedgerWriter.signed(Int64(redelivery.attempt), to: &bytes)
        }
    }

    init(from reader: inout LedgerReader) throws(LedgerCodingError) {
        from = try reader.offset()
        next = try reader.offset(after: from)
        popMillis = try reader.offset()
        visibleAtMillis = try reader.offset(after: popMillis)
        attemptKey = try reader.unsigned()
        let newCount = try reader.count()
        new.reserveCapacity(newCount)
        var previous = from - 1
        for index in 0..<newCount {
            let offset = try reader.offset(after: index == 0 ? from : previous)
            let flags = try reader.byte()
            let orderKey = try reader.unsigned()
            guard offset > previous, offset < next, flags <= Self.deferredFlag else {
                throw LedgerCodingError(.malformed, "a new offset outside its delivery")
            }
            new.append(New(offset: offset, orderKey: orderKey, isDeferred: flags == Self.deferredFlag))
            previous = offset
        }
        for _ in 0..<(try reader.count()) {
            let (offset, overflow) = from.subtractingReportingOverflow(try reader.offset())
            guard !overflow else { throw LedgerCodingError(.malformed, "an offset out of range") }
            redelivered.append(Redelivery(offset: offset, attempt: try reader.int32()))
        }
    }
}

extension AckLedger {
    /// Repeats an ordered pop; as with an unordered one, what begins past `nextOffset` is left out.
    mutating func apply(_ delivery: LedgerChange.OrderedDelivery) {
        endOrdered()
        for redelivery in delivery.redelivered where redelivery.attempt > 0 {
            redeliver(
                redelivery, popMillis: delivery.popMillis, visibleAtMillis: delivery.visibleAtMillis,
                attemptKey: delivery.attemptKey)
        }
        guard delivery.from <= nextOffset else { return }
        for message in delivery.new where message.offset >= nextOffset {
            append(
                message.isDeferred
                    ? Entry(
                        offset: message.offset, firstPopMillis: 0, visibleAtMillis: 0, attempt: 0,
                        orderKey: message.orderKey)
                    : Entry(
                        offset: message.offset, firstPopMillis: delivery.popMillis,
                        visibleAtMillis: delivery.visibleAtMillis, attempt: 1, orderKey: message.orderKey,
                        attemptKey: delivery.attemptKey))
            nextOffset = message.offset + 1
        }
        nextOffset = max(nextOffset, delivery.next)
    }
}
