import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec

/// An ordered pop: of each message group the first message that is not done, when nobody has it.
///
/// It looks at every new message once. Those whose group is busy are deferred: the ledger keeps their offsets and hands
/// them out one by one as their groups go on.
extension PopPass {
    /// New messages read at a time.
    private static let readCount = 32
    /// Bytes of new messages looked at by one pass before others have their turn.
    private static let scanBytesMax = 16 << 20

    private var attemptKey: UInt64 { AckLedger.attemptKey(waiter.request.attemptID) }

    /// Gives a client that repeats an attempt what it had; returns false when there is nothing of that attempt.
    mutating func repeatAttempt(_ state: inout SubscriptionState, first: Int, count: Int) -> Bool {
        let attemptKey = self.attemptKey
        guard attemptKey != 0 else { return false }
        for step in 0..<count where !isFull {
            let queueID = Int32((first + step) % Int(waiter.queueCount))
            guard state.queues[Int(queueID)]?.ledger.inFlightCount ?? 0 > 0 else { continue }
            _ = prepare(&state, queueID)
            beginOrdered(&state, queueID)
            let plan = state.queues[Int(queueID)]?.ledger.repeats(
                attemptKey: attemptKey, nowMillis: nowMillis, maxCount: remaining)
            guard let plan, !plan.redeliver.isEmpty, var delivery = emptyDelivery(state, queueID) else { continue }
            delivery.redelivered = redeliver(plan, &state, queueID, attemptKey: attemptKey)
            if !delivery.isEmpty { state.record(.ordered(delivery), queueID: queueID) }
        }
        return !messages.isEmpty
    }

    /// Takes what can go from one queue.
    mutating func takeOrdered(
        _ state: inout SubscriptionState, _ queueID: Int32, bounds: (min: Int64, max: Int64)
    ) {
        beginOrdered(&state, queueID)
        let index = Int(queueID)
        let plan = state.queues[index]?.ledger.takeDue(
            nowMillis: nowMillis, maxCount: remaining, maxAttempts: waiter.maxAttempts, isOrdered: true)
        guard let plan, var delivery = emptyDelivery(state, queueID) else { return }
        delivery.redelivered = redeliver(plan, &state, queueID, attemptKey: attemptKey)
        if state.queues[index]?.ledger.hasDue(nowMillis: nowMillis) == true, isFull { mayHaveMore = true }
        scan(&state, queueID, end: bounds.max, into: &delivery)
        if !delivery.isEmpty { state.record(.ordered(delivery), queueID: queueID) }
        guard let ledger = state.queues[index]?.ledger else { return }
        restCount += max(0, bounds.max - ledger.nextOffset) + Int64(ledger.deferredCount)
    }

    private func emptyDelivery(
        _ state: SubscriptionState, _ queueID: Int32
    ) -> LedgerChange.OrderedDelivery? {
        state.queues[Int(queueID)].map { queue in
            LedgerChange.OrderedDelivery(
                from: queue.ledger.nextOffset, popMillis: nowMillis, visibleAtMillis: visibleAtMillis,
                attemptKey: attemptKey)
        }
    }

    /// Tells the ledger the message groups that it does not know.
    private func beginOrdered(_ state: inout SubscriptionState, _ queueID: Int32) {
        state.queues[Int(queueID)]?.ledger.beginOrdered { offset in
            var buffer = ByteBuffer()
            let record = service.dependencies.store.readRecord(
                topic: key.topic, queueID: queueID, offset: offset, maxBytes: 1, into: &buffer)
            return record.record.flatMap { Self.orderKey(buffer, $0.range) }
        }
    }

    /// The key of a stored message's group; nil when the record is damaged.
    private static func orderKey(_ buffer: ByteBuffer, _ range: Range<Int>) -> UInt64? {
        guard let record = MessageRecord(buffer, range: range) else { return nil }
        return record.withProperties { text in
            let name = PropertyText.find(shardingKey, in: text) ?? 0..<0
            return AckLedger.orderKey(UnsafeRawBufferPointer(rebasing: text[name]))
        }
    }

    /// The property that names a message's group.
    private static let shardingKey: StaticString = "__SHARDINGKEY"

    // MARK: New messages

    private mutating func scan(
        _ state: inout SubscriptionState, _ queueID: Int32, end: Int64,
        into delivery: inout LedgerChange.OrderedDelivery
    ) {
        let index = Int(queueID)
        var scratch = ByteBuffer()
        var scannedBytes = 0
        while let from = state.queues[index]?.ledger.nextOffset, from < end,
            state.queues[index]?.ledger.takesNewInOrder == true
        {
            let allowance = state.queues[index]?.ledger.newAllowance(
                maxCount: remaining, lowestRedelivered: lowest[queueID])
            guard !isFull, let allowance, allowance > 0 else {
                mayHaveMore = true
                return
            }
            guard scannedBytes < Self.scanBytesMax else {
                stoppedEarly = true
                return
            }
            guard !isCold(queueID, from: from, count: Self.readCount, filter: waiter.filter) else { return }
            scratch.clear()
            let read = service.dependencies.store.readRecords(
                topic: key.topic, queueID: queueID, from: from, maxCount: Self.readCount,
                maxBytes: service.configuration.popBytesMax, into: &scratch, matching: waiter.filter.tagTest,
                accepting: waiter.filter.recordTest)
            guard read.nextOffset > from else { return }
            scannedBytes += scratch.readableBytes + Self.readCount
            guard admit(read, scratch, &state, queueID, allowance: allowance, into: &delivery) else { return }
        }
    }

    /// Puts what was read into the answer or aside; returns false when the pass must end before the last of it.
    private mutating func admit(
        _ read: RecordBatch, _ scratch: ByteBuffer, _ state: inout SubscriptionState, _ queueID: Int32, allowance: Int,
        into delivery: inout LedgerChange.OrderedDelivery
    ) -> Bool {
        let index = Int(queueID)
        var left = allowance
        for record in read.records {
            guard left > 0, messages.isEmpty || record.range.count <= bytesLeft else {
                mayHaveMore = true
                return false
            }
            let orderKey = Self.orderKey(scratch, record.range) ?? AckLedger.orderKey("")
            let admission = state.queues[index]?.ledger.admit(
                offset: record.queueOffset, orderKey: orderKey, popMillis: nowMillis, visibleAtMillis: visibleAtMillis,
                attemptKey: attemptKey)
            guard let admission, admission != .full else { return false }
            delivery.new.append(
                LedgerChange.OrderedDelivery.New(
                    offset: record.queueOffset, orderKey: orderKey, isDeferred: admission == .deferred))
            delivery.next = record.queueOffset + 1
            guard admission == .delivered else { continue }
            left -= 1
            lowest[queueID] = min(lowest[queueID] ?? .max, record.queueOffset)
            let start = body.writerIndex
            guard let bytes = scratch.getSlice(at: record.range.lowerBound, length: record.range.count) else {
                continue
            }
            body.writeImmutableBuffer(bytes)
            var copied = record
            copied.range = start..<body.writerIndex
            append(copied, queueID, attempt: 1)
        }
        state.queues[index]?.ledger.advance(to: read.nextOffset)
        delivery.next = read.nextOffset
        return true
    }
}
