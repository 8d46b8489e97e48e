/// One change of one queue's ledger, as it is written to the internal topic and replayed from there.
package enum LedgerChange: Sendable, Hashable {
    /// A ledger begins, or begins anew, at an offset.
    case start(offset: Int64)
    /// A pop: everything in `from..<next` is delivered or filtered out; `redelivered` are repeats.
    case deliver(Delivery)
    /// A message is done.
    case done(offset: Int64)
    /// A message becomes visible at another time.
    case visible(offset: Int64, atMillis: Int64)
    /// The ledger was cut to what the queue holds.
    case reconcile(minOffset: Int64, maxOffset: Int64)
    /// The attempt that has everything in flight. Read from old journals only: ``ordered(_:)`` names it.
    case orderAttempt(String)
    /// An ordered pop.
    case ordered(OrderedDelivery)

    /// The messages handed out by one pop from one queue.
    package struct Delivery: Sendable, Hashable {
        /// `nextOffset` before.
        package var from: Int64
        /// `nextOffset` after.
        package var next: Int64
        /// When the messages were handed out.
        package var popMillis: Int64
        /// When they may be delivered again.
        package var visibleAtMillis: Int64
        /// New messages, ascending.
        package var new: [Int64]
        /// Messages handed out again.
        package var redelivered: [Redelivery]

        /// A delivery by its parts.
        package init(
            from: Int64, next: Int64, popMillis: Int64, visibleAtMillis: Int64, new: [Int64],
            redelivered: [Redelivery] = []
        ) {
            self.from = from
            self.next = next
            self.popMillis = popMillis
            self.visibleAtMillis = visibleAtMillis
            self.new = new
            self.redelivered = redelivered
        }
    }

    private enum Kind: UInt8 {
        case start = 1
        case deliver
        case done
        case visible
        case reconcile
        case orderAttempt
        case ordered
    }

    /// Appends the change of queue `queueID` to the bytes.
    package func encode(queueID: Int32, into bytes: inout [UInt8]) {
        func head(_ kind: Kind) {
            bytes.append(kind.rawValue)
            LedgerWriter.signed(Int64(queueID), to: &bytes)
        }
        switch self {
        case .start(let offset):
            head(.start)
            LedgerWriter.signed(offset, to: &bytes)
        case .deliver(let delivery):
            head(.deliver)
            delivery.encode(into: &bytes)
        case .done(let offset):
            head(.done)
            LedgerWriter.signed(offset, to: &bytes)
        case .visible(let offset, let atMillis):
            head(.visible)
            LedgerWriter.signed(offset, to: &bytes)
            LedgerWriter.signed(atMillis, to: &bytes)
        case .reconcile(let minOffset, let maxOffset):
            head(.reconcile)
            LedgerWriter.signed(minOffset, to: &bytes)
            LedgerWriter.signed(maxOffset, to: &bytes)
        case .orderAttempt(let attemptID):
            head(.orderAttempt)
            LedgerWriter.text(attemptID, to: &bytes)
        case .ordered(let delivery):
            head(.ordered)
            delivery.encode(into: &bytes)
        }
    }

    static func decode(from reader: inout LedgerReader) throws(LedgerCodingError) -> (Int32, LedgerChange) {
        let rawKind = try reader.byte()
        guard let kind = Kind(rawValue: rawKind) else {
            throw LedgerCodingError(.malformed, "no change has kind \(rawKind)")
        }
        let queueID = try reader.int32()
        switch kind {
        case .start:
            return (queueID, .start(offset: try reader.offset()))
        case .deliver:
            return (queueID, .deliver(try Delivery(from: &reader)))
        case .done:
            return (queueID, .done(offset: try reader.offset()))
        case .visible:
            let offset = try reader.offset()
            return (queueID, .visible(offset: offset, atMillis: try reader.offset()))
        case .reconcile:
            let minOffset = try reader.offset()
            return (queueID, .reconcile(minOffset: minOffset, maxOffset: try reader.offset()))
        case .orderAttempt:
            return (queueID, .orderAttempt(try reader.text()))
        case .ordered:
            return (queueID, .ordered(try OrderedDelivery(from: &reader)))
        }
    }
}

extension LedgerChange.Delivery {
    func encode(into bytes: inout [UInt8]) {
        LedgerWriter.signed(from, to: &bytes)
        LedgerWriter.signed(next - from, to: &bytes)
        LedgerWriter.signed(popMillis, to: &bytes)
        LedgerWriter.signed(visibleAtMillis - popMillis, to: &bytes)
        LedgerWriter.unsigned(UInt64(new.count), to: &bytes)
        var previous = from
        for offset in new {
            LedgerWriter.signed(offset - previous, to: &bytes)
            previous = offset
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
        new = []
        redelivered = []
        let newCount = try reader.count()
        new.reserveCapacity(newCount)
        var previous = from - 1
        for index in 0..<newCount {
            let offset = try reader.offset(after: index == 0 ? from : previous)
            guard offset > previous, offset < next else {
                throw LedgerCodingError(.malformed, "a new offset outside its delivery")
            }
            new.append(offset)
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
    /// Repeats a recorded change.
    ///
    /// A delivery that begins past `nextOffset` follows one that was lost. It is left out, and so is every later one:
    /// those messages are delivered again rather than taken for handed out.
    package mutating func apply(_ change: LedgerChange) {
        switch change {
        case .start(let offset):
            reset(to: offset)
        case .deliver(let delivery):
            apply(delivery)
        case .done(let offset):
            settle(offset: offset)
        case .visible(let offset, let atMillis):
            guard let index = index(of: offset) else { return }
            setVisible(index: index, atMillis: atMillis)
        case .reconcile(let minOffset, let maxOffset):
            _ = reconcile(minOffset: minOffset, maxOffset: maxOffset)
        case .orderAttempt(let attemptID):
            setAttemptOfAll(Self.attemptKey(attemptID))
        case .ordered(let delivery):
            apply(delivery)
        }
    }

    /// One attempt had a whole queue when the names of attempts were kept by queue.
    mutating func setAttemptOfAll(_ attemptKey: UInt64) {
        endOrdered()
        for index in Array(liveIndices) { self[index: index].attemptKey = attemptKey }
    }

    private mutating func apply(_ delivery: LedgerChange.Delivery) {
        for redelivery in delivery.redelivered where redelivery.attempt > 0 {
            redeliver(redelivery, popMillis: delivery.popMillis, visibleAtMillis: delivery.visibleAtMillis)
        }
        guard delivery.from <= nextOffset else { return }
        let known = nextOffset
        deliverNew(
            offsets: delivery.new.lazy.filter { $0 >= known }, next: delivery.next,
            popMillis: delivery.popMillis, visibleAtMillis: delivery.visibleAtMillis)
    }
}
