import DeliveryEngine
import MessageModel
import NIOCore

/// A message to move to the dead-letter queue.
struct DeadLetter: Sendable {
    let queueID: Int32
    let offset: Int64
    let attempt: Int32
}

/// One pass of a pop over the queues of a subscription, under its lock: chooses, reads and books messages.
///
/// Messages due again come first, over all queues in the order in which they became due, then new ones, beginning with
/// another queue each time. An ordered pop takes one queue after the other, see `PopPass+Ordered.swift`.
struct PopPass {
    let waiter: PopWaiter
    let key: SubscriptionKey
    let service: DeliveryService
    let nowMillis: Int64
    let visibleAtMillis: Int64
    var body = ByteBuffer()
    /// Lowest offset taken by queue, to keep one answer's span of offsets small.
    var lowest: [Int32: Int64] = [:]

    /// What was left out because it is not in memory.
    var cold: [ColdStretch] = []

    private(set) var messages: [PoppedMessage] = []
    private(set) var deadLetters: [DeadLetter] = []
    /// Messages in the queues looked at that are not handed out.
    var restCount: Int64 = 0
    /// A limit of this answer, not a lack of messages, ended the pass.
    var mayHaveMore = false
    /// It found nothing in as many messages as one pass may look at; behind them there are others.
    var stoppedEarly = false
    /// When something of what was looked at can be handed out, if nothing new arrives.
    private(set) var openAtMillis = Int64.max

    init(waiter: PopWaiter, key: SubscriptionKey, service: DeliveryService, nowMillis: Int64) {
        self.waiter = waiter
        self.key = key
        self.service = service
        self.nowMillis = nowMillis
        visibleAtMillis = nowMillis + waiter.request.invisibleMillis
    }

    var remaining: Int { Int(waiter.request.maxCount) - messages.count }
    var bytesLeft: Int { service.configuration.popBytesMax - body.readableBytes }
    var isFull: Bool { remaining <= 0 || (bytesLeft <= 0 && !messages.isEmpty) }

    /// The answer.
    consuming func batch(reviveQueueID: Int32) -> PopBatch {
        PopBatch(
            body: body, messages: messages, popMillis: nowMillis, invisibleMillis: waiter.request.invisibleMillis,
            reviveQueueID: reviveQueueID, restCount: restCount)
    }

    mutating func run(_ state: inout SubscriptionState) {
        guard waiter.queueCount > 0 else { return }
        messages.reserveCapacity(Int(waiter.request.maxCount))
        let single = waiter.request.queueID
        state.grow(to: waiter.queueCount - 1)
        let first = single >= 0 ? Int(single) : state.nextQueue % Int(waiter.queueCount)
        let count = single >= 0 ? 1 : Int(waiter.queueCount)
        if single < 0 { state.nextQueue = (first + 1) % Int(waiter.queueCount) }
        let isOrdered = waiter.request.isOrdered
        if waiter.isByPriority, single < 0, !isOrdered { return runByPriority(&state) }
        if !isOrdered {
            takeDue(&state, first: first, count: count)
        } else if repeatAttempt(&state, first: first, count: count) || !cold.isEmpty {
            // What the attempt had, once it is in memory, and nothing else.
            return
        }
        for step in 0..<count {
            let queueID = Int32((first + step) % Int(waiter.queueCount))
            guard !isFull else {
                mayHaveMore = true
                break
            }
            let bounds = prepare(&state, queueID)
            if isOrdered {
                takeOrdered(&state, queueID, bounds: bounds)
            } else {
                takeNew(&state, queueID, bounds: bounds)
            }
        }
        if messages.isEmpty { noteOpening(&state, first: first, count: count) }
    }

    /// The highest queue first, in each what is due again before what is new: for topics whose queues are priorities.
    private mutating func runByPriority(_ state: inout SubscriptionState) {
        for queueID in (0..<waiter.queueCount).reversed() {
            guard !isFull else {
                mayHaveMore = true
                break
            }
            let bounds = prepare(&state, queueID)
            takeDue(&state, queueID)
            takeNew(&state, queueID, bounds: bounds)
        }
        if messages.isEmpty { noteOpening(&state, first: 0, count: Int(waiter.queueCount)) }
    }

    /// Makes the ledger of a queue when there is none, and brings it in line with what the queue holds.
    func prepare(_ state: inout SubscriptionState, _ queueID: Int32) -> (min: Int64, max: Int64) {
        service.prepare(&state, key, queueID: queueID, start: waiter.request.start)
    }

    // MARK: Messages handed out before

    private mutating func takeDue(_ state: inout SubscriptionState, first: Int, count: Int) {
        var due: [(atMillis: Int64, queueID: Int32)] = []
        for step in 0..<count {
            let index = (first + step) % Int(waiter.queueCount)
            guard state.queues[index]?.ledger.hasDue(nowMillis: nowMillis) == true,
                let atMillis = state.queues[index]?.ledger.nextVisibleAtMillis()
            else { continue }
            due.append((atMillis, Int32(index)))
        }
        guard !due.isEmpty else { return }
        due.sort { $0.atMillis < $1.atMillis }
        for (_, queueID) in due {
            guard !isFull else {
                mayHaveMore = true
                return
            }
            _ = prepare(&state, queueID)
            takeDue(&state, queueID)
        }
    }

    private mutating func takeDue(_ state: inout SubscriptionState, _ queueID: Int32) {
        let plan = state.queues[Int(queueID)]?.ledger.takeDue(
            nowMillis: nowMillis, maxCount: remaining, maxAttempts: waiter.maxAttempts)
        guard let plan else { return }
        carryOut(plan, &state, queueID)
        if state.queues[Int(queueID)]?.ledger.hasDue(nowMillis: nowMillis) == true { mayHaveMore = true }
    }

    /// Reads and books redeliveries.
    private mutating func carryOut(_ plan: DuePlan, _ state: inout SubscriptionState, _ queueID: Int32) {
        guard let next = state.queues[Int(queueID)]?.ledger.nextOffset else { return }
        var delivery = LedgerChange.Delivery(
            from: next, next: next, popMillis: nowMillis, visibleAtMillis: visibleAtMillis, new: [])
        delivery.redelivered = redeliver(plan, &state, queueID)
        if !delivery.redelivered.isEmpty { state.record(.deliver(delivery), queueID: queueID) }
    }

    /// Reads redeliveries into the answer, and returns those that are in it.
    mutating func redeliver(
        _ plan: DuePlan, _ state: inout SubscriptionState, _ queueID: Int32, attemptKey: UInt64 = 0
    ) -> [Redelivery] {
        for dead in plan.deadLetters {
            deadLetters.append(DeadLetter(queueID: queueID, offset: dead.offset, attempt: dead.attempt))
        }
        var redelivered: [Redelivery] = []
        for redelivery in plan.redeliver {
            guard bytesLeft > 0 || messages.isEmpty, !isCold(queueID, from: redelivery.offset, count: 1) else {
                state.queues[Int(queueID)]?.ledger.release(offset: redelivery.offset)
                mayHaveMore = true
                continue
            }
            switch read(redelivery, queueID) {
            case .taken:
                state.queues[Int(queueID)]?.ledger.redeliver(
                    redelivery, popMillis: nowMillis, visibleAtMillis: visibleAtMillis, attemptKey: attemptKey)
                redelivered.append(redelivery)
                lowest[queueID] = min(lowest[queueID] ?? .max, redelivery.offset)
            case .unwanted, .gone:
                // As for new messages: what the group's filter does not let pass is done, and so is what is not there.
                // Kept, it would hold up its message group for good.
                state.queues[Int(queueID)]?.ledger.settle(offset: redelivery.offset)
                state.record(.done(offset: redelivery.offset), queueID: queueID)
            case .unreadable:
                state.queues[Int(queueID)]?.ledger.postpone(
                    offset: redelivery.offset, untilMillis: nowMillis + Self.unreadableMillis)
            }
        }
        return redelivered
    }

    private enum Reading {
        case taken
        /// It is there, but does not pass the filter.
        case unwanted
        case gone
        case unreadable
    }

    /// Wait before another try to read a message.
    static let unreadableMillis: Int64 = 1_000

    private mutating func read(_ redelivery: Redelivery, _ queueID: Int32) -> Reading {
        let start = body.writerIndex
        let record: RecordBatch.Record
        switch service.dependencies.store.readRecord(
            topic: key.topic, queueID: queueID, offset: redelivery.offset, maxBytes: max(1, bytesLeft), into: &body)
        {
        case .found(let found): record = found
        case .gone: return .gone
        case .unreadable: return .unreadable
        }
        let filter = waiter.filter
        let isWanted =
            filter.mayMatch(tagsCode: record.tagsCode)
            && body.withUnsafeReadableBytes { bytes in
                let start = record.range.lowerBound - body.readerIndex
                return filter.accepts(
                    record: UnsafeRawBufferPointer(rebasing: bytes[start..<start + record.range.count]))
            }
        guard isWanted else {
            body.moveWriterIndex(to: start)
            return .unwanted
        }
        if redelivery.attempt > 1 {
            StoredRecordFields.addReconsumeTimes(redelivery.attempt - 1, to: &body, record: record.range)
        }
        append(record, queueID, attempt: redelivery.attempt)
        return .taken
    }

    mutating func append(_ record: RecordBatch.Record, _ queueID: Int32, attempt: Int32) {
        messages.append(PoppedMessage(record, queueID: queueID, attempt: attempt, in: body))
    }

    // MARK: New messages

    private mutating func takeNew(
        _ state: inout SubscriptionState, _ queueID: Int32, bounds: (min: Int64, max: Int64)
    ) {
        let index = Int(queueID)
        guard var from = state.queues[index]?.ledger.nextOffset else { return }
        defer { restCount += max(0, bounds.max - (state.queues[index]?.ledger.nextOffset ?? bounds.max)) }
        // A filter may pass over many messages; go on until something matches or the queue ends, within reason.
        for step in 0..<Self.readsMax {
            guard from < bounds.max, !isFull,
                let allowance = state.queues[index]?.ledger.newAllowance(
                    maxCount: remaining, lowestRedelivered: lowest[queueID]), allowance > 0,
                !isCold(queueID, from: from, count: allowance, filter: waiter.filter)
            else { break }
            let read = service.dependencies.store.readRecords(
                topic: key.topic, queueID: queueID, from: from, maxCount: allowance, maxBytes: max(1, bytesLeft),
                into: &body, matching: waiter.filter.tagTest, accepting: waiter.filter.recordTest)
            guard read.nextOffset > from else { break }
            book(read, &state, queueID, from: from)
            from = read.nextOffset
            if !read.records.isEmpty { break }
            if step == Self.readsMax - 1, from < bounds.max { stoppedEarly = true }
        }
        if from < bounds.max, state.queues[index]?.ledger.isFull == false { mayHaveMore = true }
    }

    /// Reads in search of a match before a pop lets others have their turn; each passes over what the store allows.
    static let readsMax = 64

    private mutating func book(
        _ read: RecordBatch, _ state: inout SubscriptionState, _ queueID: Int32, from: Int64
    ) {
        let delivery = LedgerChange.Delivery(
            from: from, next: read.nextOffset, popMillis: nowMillis, visibleAtMillis: visibleAtMillis,
            new: read.records.map(\.queueOffset))
        state.queues[Int(queueID)]?.ledger.deliverNew(
            offsets: delivery.new, next: delivery.next, popMillis: nowMillis, visibleAtMillis: visibleAtMillis)
        state.record(.deliver(delivery), queueID: queueID)
        for record in read.records { append(record, queueID, attempt: 1) }
    }

    /// Notes when the earliest message in flight can be handed out again.
    private mutating func noteOpening(_ state: inout SubscriptionState, first: Int, count: Int) {
        for step in 0..<count {
            let index = (first + step) % Int(waiter.queueCount)
            guard let atMillis = state.queues[index]?.ledger.nextVisibleAtMillis() else { continue }
            openAtMillis = min(openAtMillis, atMillis)
        }
    }
}
