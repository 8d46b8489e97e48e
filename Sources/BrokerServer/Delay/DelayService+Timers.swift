import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine

/// A record of the timer topic, as far as timers care.
struct TimerRecord {
    let message: DelayedMessage
    let entry: TimerIndex.Entry
    /// Topic and unique key, by which it can be taken back.
    let key: String
    /// What it takes back, when that is its purpose.
    let recalledKey: String?
    /// How often it was written anew.
    let rollCount: Int

    /// Nil for a record that is no timer message.
    init?(_ record: MessageRecord) {
        guard let message = DelayedMessage(record), let text = record.property("TIMER_OUT_MS"),
            let outMillis = Int64(text), outMillis >= 0, outMillis < Int64.max / 2
        else { return nil }
        self.message = message
        recalledKey = record.property("TIMER_DEL_UNIQKEY")
        // The order to take a message back counts until the end of the slot that the message waits in.
        let dueMillis =
            recalledKey != nil
            ? outMillis + TimerTime.slotMillis
            : record.withProperties {
                TimerTime.dueMillis(
                    properties: $0, outMillis: outMillis, storeTimestampMillis: record.storeTimestampMillis)
            }
        entry = TimerIndex.Entry(
            dueMillis: dueMillis, queueOffset: record.queueOffset, logOffset: record.logOffset,
            size: Int32(record.byteCount), topicHash: JavaHash.hashCode(message.realTopic))
        key = Self.key(topic: message.realTopic, uniqueKey: record.property("UNIQ_KEY") ?? "")
        rollCount = record.property("TIMER_ROLL_TIMES").flatMap { Int($0) } ?? 0
    }

    /// The key of a message in TIMER_DEL_UNIQKEY (consume.md 11).
    static func key(topic: String, uniqueKey: String) -> String { "\(topic)+\(uniqueKey)" }

    /// The key under which the index knows it.
    var indexKey: String { recalledKey == nil ? key : TimerIndex.recallKey(key) }
}

extension DelayService {
    /// Messages read, delivered or looked at in one go.
    private static let batchCountMax = 256
    private static let batchBytesMax = 4 << 20
    /// Time after which messages that the disk did not give are read again.
    private static let unreadableRetryMillis: Int64 = 5_000
    /// Time between two looks at what is old.
    private static let sweepIntervalMillis: Int64 = 1_000

    // MARK: Reading

    /// Takes the next messages of the timer topic into the index; false when there are no more.
    func indexTimers() -> Bool {
        let from = state.withLockedValue { $0.timers.readOffset }
        var buffer = ByteBuffer()
        let result = store.read(
            topic: NameRules.timerTopic, queueId: 0, from: from, maxCount: Self.batchCountMax,
            maxBytes: Self.batchBytesMax, into: &buffer)
        switch result.status {
        case .found, .noMatchedMessage, .messageWasRemoving: break
        case .offsetTooSmall, .offsetOverflowBadly:
            state.withLockedValue { $0.timers.correct(minOffset: result.minOffset, maxOffset: result.maxOffset) }
            return result.status == .offsetTooSmall
        case .noMessageInQueue, .noMatchedLogicQueue, .offsetOverflowOne: return false
        case .offsetFoundNull:
            timersUnreadable(from)
            return false
        }
        let records = result.records.compactMap { slot in
            MessageRecord(buffer, range: slot.range).flatMap { TimerRecord($0) }
        }
        let now = nowMillis()
        state.withLockedValue { state in
            state.traffic.indexed.add(Counts(messages: Int64(records.count)), nowMillis: now)
            state.traffic.tick(nowMillis: now)
            for record in records {
                state.timerTopics.noted(record.message.realTopic, hash: record.entry.topicHash, nowMillis: now)
                if let recalled = record.recalledKey {
                    state.timers.insertRecall(
                        record.entry, of: recalled, key: record.indexKey, rollCount: record.rollCount)
                } else {
                    state.timers.insert(record.entry, key: record.key, rollCount: record.rollCount)
                }
            }
            state.timers.advance(to: result.nextOffset)
            state.isDirty = true
        }
        return result.nextOffset < result.maxOffset
    }

    /// The disk does not give the next message of the timer topic: asks again in a while, and tells the operator once.
    private func timersUnreadable(_ offset: Int64) {
        let now = nowMillis()
        let (isNews, holdsAll) = state.withLockedValue { state in
            state.readTimersAtMillis = now + Self.retryMillis
            defer { state.unreadableTimer = offset }
            return (state.unreadableTimer != offset, !state.knowsTimers)
        }
        guard isNews else { return }
        logger.error(
            holdsAll
                ? "the timer topic cannot be read: no timer message is delivered before it is"
                : "the timer topic cannot be read: newer timer messages are not delivered before it is",
            metadata: ["queueOffset": "\(offset)"])
    }

    // MARK: Delivering

    /// Delivers what is due, at most one batch; false when nothing more is.
    func deliverTimers(nowMillis now: Int64) -> Bool {
        let entries = state.withLockedValue { $0.timers.takeDue(nowMillis: now, countMax: Self.batchCountMax) }
        guard !entries.isEmpty else { return false }
        var writes: [(entry: TimerIndex.Entry, key: String, message: StoreMessage)] = []
        var unreadable: [TimerIndex.Entry] = []
        for entry in entries {
            let record: TimerRecord
            switch read(entry) {
            case .record(let found): record = found
            case .gone: continue
            case .unreadable:
                unreadable.append(entry)
                continue
            }
            guard mustDeliver(record) else { continue }
            writes.append((entry, record.key, Self.copy(of: record, nowMillis: now)))
        }
        let (done, failure) = append(writes.map(\.message))
        state.withLockedValue { state in
            for write in writes[..<done] {
                state.timers.settled(write.entry, key: write.key)
                state.timerTopics.noted(write.message.topic, hash: write.entry.topicHash, nowMillis: now)
            }
            state.traffic.delivered.add(Counts(messages: Int64(done)), nowMillis: now)
            state.traffic.tick(nowMillis: now)
            if failure != nil {
                state.timers.putBack(writes[done...].lazy.map(\.entry), retryAtMillis: now + Self.retryMillis)
            }
            state.timers.setAside(unreadable, retryAtMillis: now + Self.unreadableRetryMillis)
            state.isDirty = true
        }
        if let failure {
            logger.warning("timer message cannot be delivered yet", metadata: ["error": "\(failure)"])
        }
        if let first = unreadable.first {
            logger.warning(
                "timer messages cannot be read yet", metadata: ["count": "\(unreadable.count)", "first": "\(first)"])
        }
        return failure == nil && entries.count == Self.batchCountMax
    }

    private enum Reading {
        case record(TimerRecord)
        case gone
        /// The disk may give it later.
        case unreadable
    }

    private func read(_ entry: TimerIndex.Entry) -> Reading {
        var buffer = ByteBuffer()
        guard
            let isThere = try? store.loadRecord(logOffset: entry.logOffset, size: entry.size, into: &buffer)
        else { return .unreadable }
        if isThere, let record = try? MessageRecord(buffer), record.topic == NameRules.timerTopic,
            record.queueOffset == entry.queueOffset, let timer = TimerRecord(record)
        {
            return .record(timer)
        }
        logger.error(
            "timer message is lost, as the log does not hold it any more",
            metadata: ["logOffset": "\(entry.logOffset)", "queueOffset": "\(entry.queueOffset)"])
        return .gone
    }

    /// Whether a message that is due was neither taken back, nor written anew, nor delivered before a crash.
    private func mustDeliver(_ record: TimerRecord) -> Bool {
        state.withLockedValue { state in
            if state.timers.isReplaced(record.entry, key: record.indexKey) { return false }
            guard record.recalledKey == nil else {
                state.timers.settled(record.entry, key: record.indexKey)
                return false
            }
            let due = record.entry.dueMillis
            // Older brokers name the message by its unique key alone.
            let uniqueKey = record.message.record.property("UNIQ_KEY") ?? ""
            if state.timers.isRecalled(record.key, dueMillis: due) || state.timers.isRecalled(uniqueKey, dueMillis: due)
            {
                state.timers.settled(record.entry, key: record.key)
                return false
            }
            guard !state.copies.isEmpty else { return true }
            return !state.copies.take(record.message.identity)
        }
    }

    /// The message to deliver: with the properties of the waiting one, and when it was put in and taken out (store.md
    /// 12.5).
    private static func copy(of record: TimerRecord, nowMillis: Int64) -> StoreMessage {
        let stored = record.message.record
        let enqueued = TimerTime.slot(ofMillis: stored.storeTimestampMillis)
        return record.message.copy(
            properties: PropertyText.replacing(
                in: stored.properties,
                with: [
                    (PropertyName.timerEnqueueMillis, String(enqueued)),
                    (PropertyName.timerDequeueMillis, String(nowMillis)),
                ]))
    }

    // MARK: Writing anew

    /// Writes old messages that go on waiting anew, before the log files that hold them are deleted for their age, and
    /// remembers until where nothing waits. False when there is nothing more to do for a while.
    func sweepTimers(nowMillis now: Int64) -> Bool {
        let (from, end) = state.withLockedValue { ($0.timers.floorOffset, $0.timers.readOffset) }
        guard from < end else { return false }
        var buffer = ByteBuffer()
        let result = store.read(
            topic: NameRules.timerTopic, queueId: 0, from: from, maxCount: Self.batchCountMax,
            maxBytes: Self.batchBytesMax, into: &buffer)
        for slot in result.records where slot.queueOffset < end {
            guard let record = MessageRecord(buffer, range: slot.range).flatMap({ TimerRecord($0) }) else {
                raiseFloor(to: slot.queueOffset + 1)
                continue
            }
            let verdict = state.withLockedValue {
                $0.timers.verdict(onOld: record.entry, key: record.indexKey, nowMillis: now)
            }
            switch verdict {
            case .pass: break
            case .wait: return false
            case .roll:
                let age = now - record.message.record.storeTimestampMillis
                guard age > settings.timerRollMillis, roll(record) else { return false }
            }
            raiseFloor(to: slot.queueOffset + 1)
        }
        guard result.status != .offsetFoundNull, result.nextOffset > from else { return false }
        raiseFloor(to: result.nextOffset)
        return result.nextOffset < end
    }

    private func raiseFloor(to offset: Int64) {
        state.withLockedValue { state in
            state.timers.raiseFloor(to: offset)
            state.isDirty = true
        }
    }

    private func roll(_ record: TimerRecord) -> Bool {
        let stored = record.message.record
        var message = record.message.copy(
            properties: PropertyText.replacing(
                in: stored.properties, with: [(PropertyName.timerRollTimes, String(record.rollCount + 1))]))
        message.topic = NameRules.timerTopic
        message.queueId = 0
        let (done, failure) = append([message])
        if let failure { logger.warning("timer message cannot be written anew", metadata: ["error": "\(failure)"]) }
        return done == 1 && failure == nil
    }
}

extension PropertyText {
    /// Property text in which some entries have other values, or are added.
    static func replacing(
        in text: ByteBuffer, with pairs: [(name: String, value: String)]
    ) -> ByteBuffer {
        var result = ByteBuffer()
        result.reserveCapacity(text.readableBytes + 64)
        text.withUnsafeReadableBytes { bytes in
            forEachEntry(in: bytes) { name, value in
                let known = UnsafeRawBufferPointer(rebasing: bytes[name])
                guard !pairs.contains(where: { known.elementsEqual($0.name.utf8) }) else { return }
                result.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[name.lowerBound..<value.upperBound]))
                result.writeInteger(valueEnd)
            }
        }
        result.writeString(encode(pairs))
        // Apache stores property text without the separator at its end.
        result.moveWriterIndex(to: result.writerIndex - 1)
        return result
    }
}
