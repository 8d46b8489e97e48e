import BrokerServer
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

extension Run {
    // MARK: Pop

    func pop() throws {
        let isOrdered = random.happens(percent: 35)
        let group = isOrdered ? "fifo" : choose(["alpha", "beta"])
        let topic = isOrdered ? World.topics[1] : World.topics[0]
        var request = PopRequest(group: group, topic: topic.name)
        request.queueID = random.happens(percent: 50) ? -1 : Int32(random.below(Int(topic.queueCount)))
        request.maxCount = Int32(1 + random.below(16))
        request.invisibleMillis = Int64(100 + random.below(2_000))
        request.pollMillis = random.happens(percent: 30) ? Int64(random.below(3_000)) : 0
        request.start = .earliest
        request.isOrdered = isOrdered
        if isOrdered, random.happens(percent: 30) { request.attemptID = "try-\(random.below(3))" }
        let ticket = PopTicket(group: group, topic: topic.name, isOrdered: isOrdered, attemptID: request.attemptID)
        trace.note("pop \(group) \(request.queueID) x\(request.maxCount) \(request.attemptID ?? "")")
        try world.delivery.pop(request, completion: popRecorder(ticket))
        try collect()
    }

    func checkPopped(_ ticket: PopTicket, _ outcome: PopOutcome) throws {
        let batch: PopBatch
        switch outcome {
        case .found(let found): batch = found
        case .timedOut, .pollingFull: return
        case .failed(let error): throw Violation("a pop was refused: \(error)")
        }
        let start = batch.body.readerIndex
        var ids: [Int] = []
        for popped in batch.messages {
            let range = start + popped.range.lowerBound..<start + popped.range.upperBound
            guard let record = Self.record(in: batch.body, range) else {
                throw Violation("an unreadable record was handed out at \(popped.queueOffset)")
            }
            let queue = ShadowModel.Queue(topic: ticket.topic, queueID: popped.queueID)
            let id = try identify(record, queue, offset: popped.queueOffset)
            try checkVisible(id, record)
            ids.append(id)
        }
        counts.delivered += ids.count
        trace.note("popped \(ticket.group) \(zip(ids, batch.messages).map { "\($0)x\($1.attempt)" })")
        if ticket.isOrdered { try checkOrder(ids, batch, ticket) }
        for (id, popped) in zip(ids, batch.messages) {
            try note(id, popped, batch, ticket)
        }
    }

    private func note(_ id: Int, _ popped: PoppedMessage, _ batch: PopBatch, _ ticket: PopTicket) throws {
        let key = ShadowModel.Delivery(group: ticket.group, id: id)
        // A client that repeats an ordered pop has the same attempt again, before its time.
        let isRepeat =
            ticket.attemptID != nil
            && model.deliveries[key]?.current.contains { $0.attempt == popped.attempt && !$0.isAcked } == true
        if isRepeat {
            model.deliveries[key]?.add([
                .init(attempt: popped.attempt, untilMillis: batch.popMillis + batch.invisibleMillis)
            ])
        } else {
            try model.delivered(
                id, to: ticket.group, attempt: popped.attempt, popMillis: batch.popMillis,
                invisibleMillis: batch.invisibleMillis, attemptsMax: Self.attemptsMax)
        }
        handles.append(
            Handle(
                id: id, ticket: ticket, queueID: popped.queueID, offset: popped.queueOffset,
                popMillis: batch.popMillis, life: life))
    }

    /// At most one batch of a message group is with a consumer, and nothing overtakes.
    private func checkOrder(_ ids: [Int], _ batch: PopBatch, _ ticket: PopTicket) throws {
        let taken = Set(ids)
        for id in ids {
            let sent = model.sent[id]
            for (offset, other) in model.queues[sent.queue] ?? [:] where offset < sent.queueOffset {
                guard model.sent[other].messageGroup == sent.messageGroup, !taken.contains(other) else { continue }
                let key = ShadowModel.Delivery(group: ticket.group, id: other)
                let tracked = model.deliveries[key]
                if tracked?.current.contains(where: \.isAcked) == true { continue }
                if try deadLetters(of: ticket.group).contains(other) { continue }
                throw Violation(
                    "message \(id) of message group \(sent.messageGroup) was handed out before \(other), which is not done"
                )
            }
        }
        for id in ids {
            let sent = model.sent[id]
            for (_, other) in model.queues[sent.queue] ?? [:] where !taken.contains(other) {
                guard model.sent[other].messageGroup == sent.messageGroup,
                    model.isInFlight(other, group: ticket.group, nowMillis: batch.popMillis)
                else { continue }
                throw Violation("messages \(id) and \(other) of one message group are in flight at once")
            }
        }
    }

    // MARK: Acknowledgement

    /// Handles of late deliveries more often than old ones.
    private func anyHandle() -> Handle? {
        guard !handles.isEmpty else { return nil }
        let back = random.happens(percent: 80) ? min(handles.count, 12) : handles.count
        return handles[handles.count - 1 - random.below(back)]
    }

    func acknowledge() throws {
        for _ in 0..<1 + random.below(6) {
            guard let handle = anyHandle() else { return }
            try acknowledge(handle)
        }
        try collect()
    }

    func acknowledge(_ handle: Handle) throws {
        do throws(ServiceError) {
            try (try currentWorld()).delivery.ack(request(handle))
            trace.note("acked \(handle.ticket.group) \(handle.id)")
            if !model.sent[handle.id].isGone { model.acknowledged(handle.id, by: handle.ticket.group) }
        } catch {
            guard error.code == .noMessage else { throw Violation("an ack of \(handle.id) failed: \(error)") }
            trace.note("no message \(handle.ticket.group) \(handle.id)")
            guard handle.life == life, !handle.ticket.isOrdered, !model.sent[handle.id].isGone else { return }
            throw Violation("the ack of \(handle.id) by a handle of this process was refused: \(error)")
        }
    }

    /// The process, for places that throw service errors only.
    private func currentWorld() throws(ServiceError) -> World {
        guard let world = try? world else { throw ServiceError(code: .systemError, message: "no process runs") }
        return world
    }

    private func request(_ handle: Handle) -> AckRequest {
        AckRequest(
            group: handle.ticket.group, topic: handle.ticket.topic, queueID: handle.queueID, offset: handle.offset,
            popMillis: handle.popMillis, isOrdered: handle.ticket.isOrdered)
    }

    func changeInvisible() throws {
        guard let handle = anyHandle() else { return }
        let millis = Int64(random.below(1_500))
        let isGone = model.sent[handle.id].isGone
        do throws(ServiceError) {
            _ = try (try currentWorld()).delivery.changeInvisible(
                request(handle), handleReviveQueueID: 0, invisibleMillis: millis)
        } catch {
            guard error.code == .noMessage else { throw Violation("a change of \(handle.id) failed: \(error)") }
            return trace.note("unchanged \(handle.ticket.group) \(handle.id)")
        }
        trace.note("changed \(handle.ticket.group) \(handle.id) +\(millis)")
        // Its place is another message's since a loss of power.
        guard !isGone else { return }
        try model.changed(handle.id, by: handle.ticket.group, untilMillis: clock.nowMillis + millis)
        try collect()
    }

    // MARK: Pull

    func pull() throws {
        let world = try world
        let queue = choose(queues + deletedQueues)
        let low = world.store.minOffset(topic: queue.topic, queueId: queue.queueID)
        let high = world.store.maxOffset(topic: queue.topic, queueId: queue.queueID)
        let from = max(0, low - 1 + Int64(random.below(Int(high - low) + 3)))
        var buffer = ByteBuffer()
        let result = world.store.read(
            topic: queue.topic, queueId: queue.queueID, from: from, maxCount: 1 + random.below(32),
            maxBytes: 100 + random.below(20_000), into: &buffer)
        trace.note("pull \(queue) \(from): \(result.status.rawValue) \(result.records.count)")
        for slot in result.records {
            guard let record = Self.record(in: buffer, slot.range) else {
                throw Violation("an unreadable record lies at \(queue)@\(slot.queueOffset)")
            }
            try checkVisible(try identify(record, queue, offset: slot.queueOffset), record)
        }
    }

    func commit() throws {
        let queue = choose(queues)
        let offset = Int64(random.below(100))
        trace.note("commit \(queue) \(offset)")
        try world.delivery.commitOffset(group: "pull", topic: queue.topic, queueID: queue.queueID, offset: offset)
        commits[queue]?.append(offset)
    }
}

extension Run {
    /// A pop of one queue that takes as much as it can and does not wait.
    func popAll(_ group: String, _ topic: String, _ queueID: Int32, _ isOrdered: Bool) throws {
        var request = PopRequest(group: group, topic: topic)
        request.queueID = queueID
        request.maxCount = 32
        request.invisibleMillis = 30_000
        request.start = .earliest
        request.isOrdered = isOrdered
        let ticket = PopTicket(group: group, topic: topic, isOrdered: isOrdered, attemptID: nil)
        try world.delivery.pop(request, completion: popRecorder(ticket))
        try collect()
    }
}
