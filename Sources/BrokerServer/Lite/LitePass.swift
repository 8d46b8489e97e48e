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
        /// Its messages have to be fetched from the disk, which is noted.
        case cold
        /// A message could not be read: look again at that time.
        case unreadable(retryMillis: Int64)
        case empty
    }

    let request: LitePopRequest
    let delivery: DeliveryService
    let maxAttempts: Int32
    let nowMillis: Int64
    private let warmed: WarmedStretches
    private(set) var body = ByteBuffer()
    private(set) var messages: [PoppedMessage] = []
    /// What was left out because it is not in memory.
    private(set) var cold: [ColdStretch] = []
    /// How many messages that may be.
    private var coldCount = 0
    /// Lite topics that are in the answer, and how many messages of each, in their order.
    private var taken: [(name: String, count: Int)] = []

    init(_ waiter: LiteService.Waiter, delivery: DeliveryService, nowMillis: Int64) {
        request = waiter.request
        warmed = waiter.warmed
        self.delivery = delivery
        maxAttempts = waiter.maxAttempts
        self.nowMillis = nowMillis
    }

    private var attemptKey: UInt64 { AckLedger.attemptKey(request.attemptID) }
    private var visibleAtMillis: Int64 { nowMillis + request.invisibleMillis }
    private var remaining: Int { Int(request.maxCount) - messages.count }
    private var bytesLeft: Int { delivery.configuration.popBytesMax - body.readableBytes }
    private var hasRoom: Bool { remaining > 0 && (bytesLeft > 0 || messages.isEmpty) }
    /// Whether no more lite topics are to be looked at. Those to fetch count too: one pass must not ask for all there are.
    var isFull: Bool { !hasRoom || remaining <= coldCount }

    /// The answer.
    consuming func batch() -> PopBatch {
        PopBatch(
            body: body, messages: messages, popMillis: nowMillis, invisibleMillis: request.invisibleMillis,
            reviveQueueID: ReceiptHandle.orderedReviveQueueId, restCount: 0, liteQueues: taken)
    }

    /// Takes what there is of a lite topic. Under the subscription's lock.
    mutating func take(_ queue: String, _ state: inout SubscriptionState) -> Outcome {
        // An attempt that is repeated must not get its messages twice.
        guard !state.isRemoved, !taken.contains(where: { $0.name == queue }) else { return .empty }
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
            return deliver(redeliveries, newMax: 0, queue, bounds, &state)
        case .deliver(let redeliveries, let newMax):
            return deliver(redeliveries, newMax: newMax, queue, bounds, &state)
        }
    }

    private mutating func deliver(
        _ redeliveries: [Redelivery], newMax: Int, _ queue: String, _ bounds: (min: Int64, max: Int64),
        _ state: inout SubscriptionState
    ) -> Outcome {
        guard let from = state.queues[0]?.ledger.nextOffset else { return .empty }
        // What is booked is read: so this comes first.
        if mustFetch(redeliveries.map(\.offset), queue) { return .cold }
        var newMax = min(newMax, remaining - redeliveries.count, Int(max(0, bounds.max - from)))
        if newMax > 0, mustFetch(ColdStretch(topic: queue, queueID: 0, from: from, count: newMax)) {
            guard !redeliveries.isEmpty else { return .cold }
            newMax = 0
        }
        var delivery = LedgerChange.OrderedDelivery(
            from: from, popMillis: nowMillis, visibleAtMillis: visibleAtMillis, attemptKey: attemptKey)
        var goneCount = 0
        reading: for redelivery in redeliveries {
            guard hasRoom else { break }
            switch read(redelivery, queue) {
            case .found: break
            case .gone:
                state.queues[0]?.ledger.settle(offset: redelivery.offset)
                state.record(.done(offset: redelivery.offset), queueID: 0)
                goneCount += 1
                continue reading
            case .unreadable: break reading
            }
            state.queues[0]?.ledger.redeliver(
                redelivery, popMillis: nowMillis, visibleAtMillis: visibleAtMillis, attemptKey: attemptKey)
            delivery.redelivered.append(redelivery)
        }
        if delivery.redelivered.count + goneCount < redeliveries.count {
            if delivery.redelivered.isEmpty { return .unreadable(retryMillis: nowMillis + PopPass.unreadableMillis) }
        } else if newMax > 0, hasRoom {
            takeNew(queue, from: from, max: newMax, into: &delivery, &state)
        }
        guard !delivery.isEmpty else {
            // Behind what is gone there may be more, which another look finds.
            return goneCount > 0 ? .unreadable(retryMillis: nowMillis + PopPass.unreadableMillis) : .empty
        }
        state.record(.ordered(delivery), queueID: 0)
        let count = delivery.new.count + delivery.redelivered.count
        guard count > 0 else { return .empty }
        taken.append((queue, count))
        return .taken(
            untilMillis: state.queues[0]?.ledger.liteBlockedUntilMillis(nowMillis: nowMillis) ?? visibleAtMillis)
    }

    private mutating func mustFetch(_ stretch: ColdStretch) -> Bool {
        guard warmed.mustFetch(stretch, from: delivery.dependencies.store) else { return false }
        cold.append(stretch)
        coldCount += stretch.count
        return true
    }

    /// Whether any of these messages must be fetched first, all of which are noted.
    private mutating func mustFetch(_ offsets: [Int64], _ queue: String) -> Bool {
        var isCold = false
        for offset in offsets where mustFetch(ColdStretch(topic: queue, queueID: 0, from: offset, count: 1)) {
            isCold = true
        }
        return isCold
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

    private mutating func read(_ redelivery: Redelivery, _ queue: String) -> RecordReading {
        let reading = delivery.dependencies.store.readRecord(
            topic: queue, queueID: 0, offset: redelivery.offset, maxBytes: max(1, bytesLeft), into: &body)
        guard let record = reading.record else { return reading }
        if redelivery.attempt > 1 {
            StoredRecordFields.addReconsumeTimes(redelivery.attempt - 1, to: &body, record: record.range)
        }
        messages.append(PoppedMessage(record, queueID: 0, attempt: redelivery.attempt, in: body))
        return reading
    }
}
