import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

extension TransactionService {
    /// Does what the table asks for.
    func run(_ due: TransactionTable.Due, nowMillis: Int64) {
        let half: TransactionTable.Half
        switch due {
        case .check(let due), .refresh(let due), .discard(let due): half = due
        }
        guard let record = dependencies.store.record(at: half.logOffset) else { return unreadable(half, nowMillis) }
        switch due {
        case .check: check(half, record, nowMillis)
        case .refresh: copy(half, record) { _ in }
        case .discard: discard(half, record)
        }
    }

    /// The log file with the half message is gone, or cannot be read at the moment.
    private func unreadable(_ half: TransactionTable.Half, _ nowMillis: Int64) {
        let isGone = half.logOffset < dependencies.store.logBounds.min
        logger.error(
            isGone ? "a half message was deleted with its log file undecided" : "a half message cannot be read",
            metadata: ["halfOffset": "\(half.queueOffset)", "logOffset": "\(half.logOffset)"])
        state.withLockedValue { state in
            if isGone {
                state.table.ended(half.queueOffset, as: .discard, nowMillis: nowMillis)
            } else {
                state.table.failed(half.queueOffset, nowMillis: nowMillis, waitMillis: limits.checkIntervalMillis)
            }
        }
    }

    /// Asks a producer; the question goes out with a copy that counts it. When there is nobody to ask it does not count.
    private func check(_ half: TransactionTable.Half, _ record: MessageRecord, _ nowMillis: Int64) {
        guard let group = record.property("PGROUP"), let ask = dependencies.producer(group) else {
            let isOld = state.withLockedValue { state in
                if state.table.isRecordOld(half, nowMillis: nowMillis) { return true }
                state.table.failed(half.queueOffset, nowMillis: nowMillis, waitMillis: limits.checkIntervalMillis)
                return false
            }
            if isOld { copy(half, record, isAsked: false) { _ in } }
            return
        }
        copy(half, record, isAsked: true) { [self] copy in
            guard let question = TransactionCheck(copy, storeHost: dependencies.storeHost) else { return }
            ask(question)
        }
    }

    private func copy(
        _ half: TransactionTable.Half, _ record: MessageRecord, isAsked: Bool = false,
        then: @escaping @Sendable (MessageRecord) -> Void
    ) {
        // The op message that takes the original away must find the copy on the disk.
        let message = HalfMessage.copy(of: record, half, isAsked: isAsked)
        dependencies.store.append(message, isDurable: true) { [self] outcome in
            let now = dependencies.nowMillis()
            switch outcome {
            case .stored(let receipt):
                let fresh = half.copy(
                    queueOffset: receipt.queueOffset, logOffset: receipt.logOffset,
                    storedMillis: receipt.storeTimestampMillis, isAsked: isAsked)
                state.withLockedValue { $0.table.copied(half.queueOffset, to: fresh, nowMillis: now) }
                if let record = dependencies.store.record(at: receipt.logOffset) { then(record) }
            case .failed(let error): failed(half, now, "a half message could not be written anew", "\(error)")
            }
        }
    }

    private func failed(_ half: TransactionTable.Half, _ nowMillis: Int64, _ what: String, _ error: String) {
        logger.error("\(what)", metadata: ["halfOffset": "\(half.queueOffset)", "error": "\(error)"])
        state.withLockedValue {
            $0.table.failed(half.queueOffset, nowMillis: nowMillis, waitMillis: limits.checkIntervalMillis)
        }
    }

    /// Gives a transaction up: its message goes to the topic for those.
    private func discard(_ half: TransactionTable.Half, _ record: MessageRecord) {
        let topic = TopicConfig(name: HalfMessage.discardTopic, readQueueCount: 1, writeQueueCount: 1)
        dependencies.createTopic(topic) { [self] isThere in
            let now = dependencies.nowMillis()
            guard isThere else { return failed(half, now, "a transaction could not be given up", "no topic for it") }
            let message = HalfMessage.discarded(record, halfLogOffset: half.logOffset)
            dependencies.store.append(message, isDurable: true) { [self] outcome in
                let now = dependencies.nowMillis()
                switch outcome {
                case .stored:
                    logger.warning(
                        "a transaction was given up",
                        metadata: ["halfOffset": "\(half.queueOffset)", "checks": "\(half.checkCount)"])
                    state.withLockedValue { $0.table.ended(half.queueOffset, as: .discard, nowMillis: now) }
                case .failed(let error): failed(half, now, "a transaction could not be given up", "\(error)")
                }
            }
        }
    }
}
