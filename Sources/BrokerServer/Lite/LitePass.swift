import DeliveryEngine
import MessageModel
import NIOCore

/// Gathers the messages of one lite pop, from one lite topic after the other, each under its subscription's lock.
struct LitePass {
    /// What a lite topic had.
    enum Outcome {
        /// Messages of it are in the answer; it is blocked until that time.
        case taken(untilMillis: Int64)
        /// Somebody has messages of it until that time.
        case blocked(untilMillis: Int64)
        case deadLetters([DeadLetter])
        /// A message could not be read: look again at that time.
        case unreadable(retryMillis: Int64)
        case empty
    }

    let request: LitePopRequest
    let delivery: DeliveryService
    let maxAttempts: Int32
    let nowMillis: Int64
    private(set) var body = ByteBuffer()
    private(set) var messages: [PoppedMessage] = []

    init(_ request: LitePopRequest, delivery: DeliveryService, maxAttempts: Int32, nowMillis: Int64) {
        self.request = request
        self.delivery = delivery
        self.maxAttempts = maxAttempts
        self.nowMillis = nowMillis
    }

    private var attemptKey: UInt64 { AckLedger.attemptKey(request.attemptID) }
    private var visibleAtMillis: Int64 { nowMillis + request.invisibleMillis }
    private var remaining: Int { Int(request.maxCount) - messages.count }
    private var bytesLeft: Int { delivery.configuration.popBytesMax - body.readableBytes }
    var isFull: Bool { remaining <= 0 || (bytesLeft <= 0 && !messages.isEmpty) }

    /// The answer.
    consuming func batch() -> PopBatch {
        PopBatch(
            body: body, messages: messages, popMillis: nowMillis, invisibleMillis: request.invisibleMillis,
            reviveQueueID: ReceiptHandle.orderedReviveQueueId, restCount: 0)
    }

    /// Takes what there is of a lite topic. Under the subscription's lock.
    mutating func take(_ queue: String, _ state: inout SubscriptionState) -> Outcome {
        guard !state.isRemoved else { return .empty }
        let bounds = prepare(queue, &state)
        let plan = state.queues[0]?.ledger.planLite(
            attemptKey: attemptKey, nowMillis: nowMillis, maxCount: remaining, maxAttempts: maxAttempts)
        switch plan {
        case .none: return .empty
        case .blocked(let until): return .blocked(untilMillis: until)
        case .deadLetters(let dead):
            for letter in dead {
                state.record(
                    .visible(
                        offset: letter.offset,
                        atMillis: state.queues[0]?.ledger.entry(offset: letter.offset)?.visibleAtMillis ?? nowMillis),
                    queueID: 0)
            }
            return .deadLetters(dead.map { DeadLetter(queueID: 0, offset: $0.offset, attempt: $0.attempt) })
        case .again(let redeliveries):
            for redelivery in redeliveries where !isFull { _ = read(redelivery, queue) }
            return .taken(
                untilMillis: state.queues[0]?.ledger.liteBlockedUntilMillis(nowMillis: nowMillis) ?? nowMillis)
        case .deliver(let redeliveries, let newMax):
            return deliver(redeliveries, newMax: newMax, queue, bounds, &state)
        }
    }

    private mutating func deliver(
        _ redeliveries: [Redelivery], newMax: Int, _ queue: String, _ bounds: (min: Int64, max: Int64),
        _ state: inout SubscriptionState
    ) -> Outcome {
        guard let from = state.queues[0]?.ledger.nextOffset else { return .empty }
        var delivery = LedgerChange.OrderedDelivery(
            from: from, popMillis: nowMillis, visibleAtMillis: visibleAtMillis, attemptKey: attemptKey)
        for redelivery in redeliveries {
            guard !isFull, read(redelivery, queue) else { break }
            state.queues[0]?.ledger.redeliver(
                redelivery, popMillis: nowMillis, visibleAtMillis: visibleAtMillis, attemptKey: attemptKey)
            delivery.redelivered.append(redelivery)
        }
        if delivery.redelivered.count < redeliveries.count {
            if delivery.redelivered.isEmpty { return .unreadable(retryMillis: nowMillis + PopPass.unreadableMillis) }
        } else if newMax > 0, from < bounds.max, !isFull {
            takeNew(queue, from: from, max: min(newMax, remaining), into: &delivery, &state)
        }
        guard !delivery.isEmpty else { return .empty }
        state.record(.ordered(delivery), queueID: 0)
        let isTaken = !delivery.new.isEmpty || !delivery.redelivered.isEmpty
        return isTaken ? .taken(untilMillis: visibleAtMillis) : .empty
    }

    private mutating func takeNew(
        _ queue: String, from: Int64, max: Int, into change: inout LedgerChange.OrderedDelivery,
        _ state: inout SubscriptionState
    ) {
        let read = delivery.dependencies.store.readRecords(
            topic: queue, queueID: 0, from: from, maxCount: max, maxBytes: Swift.max(1, bytesLeft), into: &body,
            matching: nil)
        guard read.nextOffset > from else { return }
        for record in read.records {
            change.new.append(.init(offset: record.queueOffset, orderKey: 0, isDeferred: false))
            messages.append(PoppedMessage(record, queueID: 0, attempt: 1, in: body))
        }
        change.next = read.nextOffset
        state.queues[0]?.ledger.deliverLite(
            offsets: read.records.map(\.queueOffset), next: read.nextOffset, popMillis: nowMillis,
            visibleAtMillis: visibleAtMillis, attemptKey: attemptKey)
    }

    /// Makes the ledger when there is none, and brings it in line with what the queue holds.
    private func prepare(_ queue: String, _ state: inout SubscriptionState) -> (min: Int64, max: Int64) {
        state.grow(to: 0)
        // A group that is new to a lite topic reads all of it, unless its beginning is gone already.
        return delivery.prepare(
            &state, SubscriptionKey(group: request.group, topic: queue), queueID: 0, start: .latest)
    }

    private mutating func read(_ redelivery: Redelivery, _ queue: String) -> Bool {
        let record = delivery.dependencies.store.readRecord(
            topic: queue, queueID: 0, offset: redelivery.offset, maxBytes: max(1, bytesLeft), into: &body)
        guard let record else { return false }
        if redelivery.attempt > 1 {
            StoredRecordFields.addReconsumeTimes(redelivery.attempt - 1, to: &body, record: record.range)
        }
        messages.append(PoppedMessage(record, queueID: 0, attempt: redelivery.attempt, in: body))
        return true
    }
}
