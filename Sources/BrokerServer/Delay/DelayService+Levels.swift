import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine

extension DelayService {
    /// Messages of one level copied in one go, so that a level with many cannot hold up the others.
    private static let batchCountMax = 128
    private static let batchBytesMax = 1 << 20

    /// Delivers the due messages at the start of a level's queue, at most one batch.
    func deliverLevel(_ index: Int, nowMillis now: Int64) {
        let (queueID, from, mustRead) = state.withLockedValue { state in
            let queue = state.levels[index]
            return (queue.queueID, queue.nextOffset, queue.readAtMillis(nowMillis: now).map { $0 <= now } ?? false)
        }
        guard mustRead else { return }
        var buffer = ByteBuffer()
        let result = store.read(
            topic: NameRules.scheduleTopic, queueId: queueID, from: from, maxCount: Self.batchCountMax,
            maxBytes: Self.batchBytesMax, into: &buffer)
        switch result.status {
        case .found: deliver(result, of: index, in: buffer, nowMillis: now)
        case .noMatchedMessage, .messageWasRemoving: advance(index, to: result.nextOffset)
        case .noMessageInQueue, .noMatchedLogicQueue, .offsetOverflowOne:
            state.withLockedValue { $0.levels[index].exhausted() }
        case .offsetTooSmall, .offsetOverflowBadly:
            state.withLockedValue { $0.levels[index].correct(minOffset: result.minOffset, maxOffset: result.maxOffset) }
        case .offsetFoundNull:
            state.withLockedValue { $0.levels[index].failed(retryAtMillis: now + Self.retryMillis) }
        }
    }

    private func deliver(_ result: ReadResult, of index: Int, in buffer: ByteBuffer, nowMillis now: Int64) {
        var due: [(offset: Int64, message: StoreMessage?)] = []
        var endOfDue = result.nextOffset
        for slot in result.records {
            guard let record = MessageRecord(buffer, range: slot.range) else {
                logger.error("delayed message is damaged", metadata: ["logOffset": "\(slot.logOffset)"])
                due.append((slot.queueOffset, nil))
                continue
            }
            let verdict = state.withLockedValue {
                $0.levels[index].examine(
                    offset: slot.queueOffset, storeTimestampMillis: record.storeTimestampMillis,
                    endOffset: result.maxOffset, nowMillis: now)
            }
            guard verdict == .deliver else {
                endOfDue = slot.queueOffset
                break
            }
            due.append((slot.queueOffset, messageToDeliver(record)))
        }
        guard !due.isEmpty else { return }
        let messages = due.filter { $0.message != nil }
        let (done, failure) = append(messages.compactMap(\.message))
        guard let failure else { return advance(index, to: endOfDue) }
        advance(index, to: messages[done].offset)
        logger.warning("delayed message cannot be delivered yet", metadata: ["error": "\(failure)"])
        state.withLockedValue { $0.levels[index].failed(retryAtMillis: now + Self.retryMillis) }
    }

    private func advance(_ index: Int, to offset: Int64) {
        state.withLockedValue { state in
            guard state.levels[index].nextOffset < offset else { return }
            state.levels[index].advance(to: offset)
            state.isDirty = true
        }
    }

    /// The copy to write; nil when there is none to write.
    private func messageToDeliver(_ record: MessageRecord) -> StoreMessage? {
        guard let message = DelayedMessage(record) else {
            logger.error(
                "delayed message does not say where to deliver it", metadata: ["logOffset": "\(record.logOffset)"])
            return nil
        }
        let isDelivered = state.withLockedValue { state in
            !state.copies.isEmpty && state.copies.take(message.identity)
        }
        return isDelivered ? nil : message.copy()
    }
}
