import InMemoryFileSystem
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

extension Run {
    // MARK: Sends

    func checkSent(_ ids: [Int], _ outcome: AppendOutcome) throws {
        switch outcome {
        case .failed(let error):
            trace.note("refused \(ids): \(error.code.rawValue)")
            // After these the message is not there; after others it may be.
            let harmless: [StoreError.Code] = [
                .diskFull, .busy, .messageTooLarge, .propertiesTooLarge, .illegalMessage, .notWritable, .shutdown,
            ]
            if harmless.contains(error.code) {
                for id in ids { model.sent[id].fate = .refused }
            }
        case .stored(let receipt):
            trace.note("stored \(ids) at \(receipt.queueOffset)")
            for (index, id) in ids.enumerated() {
                let logOffset = receipt.logOffsets.isEmpty ? receipt.logOffset : receipt.logOffsets[index]
                try model.answered(
                    id, queueOffset: receipt.queueOffset + Int64(index), logOffset: logOffset,
                    storedMillis: receipt.storeTimestampMillis, isDurable: isSynchronous)
            }
            if isSynchronous, !isOnDisk(receipt.logOffset, Int(receipt.size)) {
                throw Violation("messages \(ids) were answered OK before they were on the disk")
            }
        }
    }

    private func isOnDisk(_ logOffset: Int64, _ count: Int) -> Bool {
        let fileBytes = Int64(configuration.store.commitLogFileBytes)
        let digits = String(logOffset / fileBytes * fileBytes)
        let name = String(repeating: "0", count: 20 - digits.count) + digits
        return disk.isStored("\(World.root)/commitlog/\(name)", from: Int(logOffset % fileBytes), count: count)
    }

    // MARK: Messages

    /// The record in a range of a buffer, by the buffer's own indices.
    static func record(in buffer: ByteBuffer, _ range: Range<Int>) -> MessageRecord? {
        guard let bytes = buffer.getSlice(at: range.lowerBound, length: range.count) else { return nil }
        return try? MessageRecord(bytes)
    }

    /// Which message a record is; it must be whole and in its place.
    func identify(_ record: MessageRecord, _ queue: ShadowModel.Queue, offset: Int64) throws -> Int {
        guard let text = record.property("UNIQ_KEY"), let id = Int(text), model.sent.indices.contains(id) else {
            throw Violation(
                "\(queue)@\(offset) holds a message that nobody sent, of \(record.byteCount) bytes at "
                    + "\(record.logOffset), with properties \(String(buffer: record.properties).debugDescription)")
        }
        let sent = model.sent[id]
        guard !sent.isDeleted else {
            throw Violation("message \(id) at \(queue)@\(offset) came back after its topic was deleted")
        }
        guard record.topic == queue.topic, record.queueId == queue.queueID, record.queueOffset == offset,
            sent.queue == queue
        else { throw Violation("\(queue)@\(offset) holds message \(id), which belongs elsewhere") }
        guard record.body == sent.body, record.properties == sent.properties else {
            throw Violation(
                "message \(id) at \(queue)@\(offset) is damaged, of \(record.byteCount) bytes at \(record.logOffset): "
                    + "\(record.body == sent.body ? "properties" : "body")")
        }
        return id
    }

    /// A consumer sees a message: it must have been answered, and be on the disk where that was promised.
    func checkVisible(_ id: Int, _ record: MessageRecord) throws {
        if model.sent[id].fate == .open, isSynchronous, isOnDisk(record.logOffset, record.byteCount) {
            // A checkpoint flushed it; its producer gets its answer from the next flush.
            try model.answered(
                id, queueOffset: record.queueOffset, logOffset: record.logOffset,
                storedMillis: record.storeTimestampMillis, isDurable: true)
        }
        let sent = model.sent[id]
        guard sent.fate == .accepted, !sent.isGone, sent.queueOffset == record.queueOffset else {
            throw Violation("message \(id) is visible at \(sent.queue)@\(record.queueOffset), but is \(sent.fate)")
        }
        // A file that is gone was on the disk when the message was handed out.
        let isKept = try record.logOffset >= world.store.minLogOffset
        if isSynchronous, isKept, !isOnDisk(record.logOffset, record.byteCount) {
            throw Violation("message \(id) is visible before it is on the disk")
        }
    }

    /// Messages in the dead-letter queue of a group.
    func deadLetters(of group: String) throws -> Set<Int> {
        // One that was stored just now is not in its queue yet.
        disk.heal()
        while try world.store.dispatchStep() {}
        var ids: Set<Int> = []
        try readAll("%DLQ%\(group)", 0) { record, _ in
            guard let text = record.property("UNIQ_KEY"), let id = Int(text), model.sent.indices.contains(id),
                record.body == model.sent[id].body
            else { throw Violation("a dead letter of \(group) is damaged") }
            ids.insert(id)
        }
        return ids
    }

    func readAll(
        _ topic: String, _ queueID: Int32, _ body: (MessageRecord, Int64) throws -> Void
    ) throws {
        let store = try world.store
        var offset = store.minOffset(topic: topic, queueId: queueID)
        let end = store.maxOffset(topic: topic, queueId: queueID)
        while offset < end {
            var buffer = ByteBuffer()
            let result = store.read(
                topic: topic, queueId: queueID, from: offset, maxCount: 64, maxBytes: 1 << 20, into: &buffer)
            guard result.nextOffset > offset else {
                throw Violation("\(topic)/\(queueID)@\(offset) cannot be read: \(result.status.rawValue)")
            }
            for slot in result.records {
                guard let record = Self.record(in: buffer, slot.range) else {
                    throw Violation("an unreadable record lies at \(topic)/\(queueID)@\(slot.queueOffset)")
                }
                try body(record, slot.queueOffset)
            }
            offset = result.nextOffset
        }
    }

    // MARK: After a start

    /// Compares all queues and offsets with the model, and the model takes over what may be either way.
    func checkEverything(afterPowerLoss: Bool) throws {
        disk.heal()
        let store = try world.store
        trace.note("recovered \(store.minLogOffset)-\(store.maxLogOffset)")
        for queue in queues + deletedQueues { try checkQueue(queue, afterPowerLoss: afterPowerLoss) }
        for queue in queues {
            let found = try world.offsets.offset(group: "pull", topic: queue.topic, queueID: queue.queueID)
            guard commits[queue]?.contains(found) == true else {
                throw Violation(
                    "the committed offset of \(queue) is \(String(describing: found)), not of \(commits[queue] ?? [])")
            }
            commits[queue] = [found]
        }
    }

    private func checkQueue(_ queue: ShadowModel.Queue, afterPowerLoss: Bool) throws {
        let store = try world.store
        var present: Set<Int> = []
        var last = -1
        try readAll(queue.topic, queue.queueID) { record, offset in
            let id = try identify(record, queue, offset: offset)
            guard id > last else { throw Violation("message \(id) follows \(last) in \(queue)") }
            last = id
            present.insert(id)
            try takeOver(id, record, queue, offset)
        }
        let low = store.minOffset(topic: queue.topic, queueId: queue.queueID)
        let end = store.maxOffset(topic: queue.topic, queueId: queue.queueID)
        for (offset, id) in (model.queues[queue] ?? [:]).sorted(by: { $0.key < $1.key }) where !present.contains(id) {
            let sent = model.sent[id]
            if sent.logOffset >= store.minLogOffset, sent.isDurable || !afterPowerLoss {
                throw Violation(
                    "message \(id), answered OK at \(queue)@\(offset), is lost (the queue has \(low)-\(end), the log "
                        + "\(store.minLogOffset)-\(store.maxLogOffset), message at \(sent.logOffset))")
            }
            trace.note("lost \(id)")
            model.forget(id)
        }
    }

    private func takeOver(_ id: Int, _ record: MessageRecord, _ queue: ShadowModel.Queue, _ offset: Int64) throws {
        let sent = model.sent[id]
        switch sent.fate {
        case .refused: throw Violation("message \(id) was refused, but is in \(queue)@\(offset)")
        case .accepted:
            guard !sent.isGone else { throw Violation("message \(id) came back to \(queue)@\(offset)") }
            guard sent.queueOffset == offset else {
                throw Violation("message \(id) moved from \(queue)@\(sent.queueOffset) to \(offset)")
            }
        case .open:
            try model.answered(
                id, queueOffset: offset, logOffset: record.logOffset, storedMillis: record.storeTimestampMillis,
                isDurable: false)
        }
    }

    // MARK: Retention

    func checkRetention(from before: Int64) throws {
        let store = try world.store
        let after = store.minLogOffset
        guard after > before else { return }
        trace.note("retention to \(after)")
        let expiry = clock.nowMillis - Int64(configuration.store.retentionHours) * 3_600_000
        let isForced = isFull
        for id in model.sent.indices where model.sent[id].fate == .accepted && !model.sent[id].isGone {
            let sent = model.sent[id]
            guard sent.logOffset < after else { continue }
            if sent.storedMillis > expiry, !isForced {
                throw Violation("message \(id) was deleted \(sent.storedMillis - expiry) ms before its time")
            }
            model.forget(id)
        }
        for id in model.waiting.indices where (0..<after).contains(model.waiting[id].logOffset) {
            model.waiting[id].isGone = true
        }
    }

    // MARK: The end

    /// With a disk that works, everything is consumed: nothing that is there was forgotten.
    func finish() throws {
        disk.heal()
        disk.occupy(bytes: 0)
        isFull = false
        try restart(choose([.clean, .kill, .powerLoss]))
        disk.heal()
        try keepHouse()
        var idle = 0
        for round in 0..<200 where idle < 6 {
            let before = counts.delivered
            for group in ["alpha", "beta", "fifo"] { try drain(group) }
            try flush()
            try dispatch()
            try advance(31_000)
            try flushJournal()
            idle = counts.delivered == before ? idle + 1 : 0
            if round == 3 { try restart(.clean) }
        }
        try flush()
        try dispatch()
        for group in ["alpha", "beta", "fifo"] {
            let dead = try deadLetters(of: group)
            let topic = group == "fifo" ? World.topics[1] : World.topics[0]
            for queueID in 0..<topic.queueCount {
                let queue = ShadowModel.Queue(topic: topic.name, queueID: queueID)
                for (offset, id) in (model.queues[queue] ?? [:]).sorted(by: { $0.key < $1.key }) {
                    if model.acked.contains(.init(group: group, id: id)) || dead.contains(id) { continue }
                    throw Violation("\(group) never got message \(id) at \(queue)@\(offset) for good")
                }
            }
        }
        try finishWaiting()
        try restart(.clean)
    }

    private func drain(_ group: String) throws {
        let isOrdered = group == "fifo"
        let topic = isOrdered ? World.topics[1] : World.topics[0]
        for queueID in 0..<topic.queueCount {
            let before = handles.count
            try popAll(group, topic.name, queueID, isOrdered)
            for handle in handles[before...] { try acknowledge(handle) }
        }
    }
}
