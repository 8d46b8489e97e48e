import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine

/// A decision about a transaction, and by what it is named.
package struct EndTransaction: Sendable {
    /// What was decided.
    package enum Decision: Sendable, Hashable {
        case commit
        case rollback
    }

    /// The decision.
    package var decision: Decision
    /// The group that sent the half message.
    package var producerGroup: String
    /// Offset of the half message, or of a copy, in the half queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64
    /// Whether the producer was asked.
    package var isAnswerToCheck: Bool

    /// A decision by its parts.
    package init(
        _ decision: Decision, producerGroup: String, queueOffset: Int64, logOffset: Int64, isAnswerToCheck: Bool = false
    ) {
        self.decision = decision
        self.producerGroup = producerGroup
        self.queueOffset = queueOffset
        self.logOffset = logOffset
        self.isAnswerToCheck = isAnswerToCheck
    }
}

extension TransactionService {
    /// Ends a transaction, or says why not. The same decision again is a success; another one is refused. The completion
    /// runs once the end is stored, on any thread.
    package func end(_ request: EndTransaction, completion: @escaping EndCompletion) {
        let record: MessageRecord
        let half: TransactionTable.Half
        do throws(ServiceError) {
            record = try find(request)
            guard let open = try begin(request, completion) else { return }
            half = open
        } catch {
            return completion(.failure(error))
        }
        do throws(ServiceError) {
            try checkInTime(request, record)
            switch request.decision {
            case .rollback: rollBack(half, completion)
            case .commit: try commit(half, record, completion)
            }
        } catch {
            release(half)
            completion(.failure(error))
        }
    }

    /// The checks of Apache's broker: there is such a half message, and the request names it and its group right.
    private func find(_ request: EndTransaction) throws(ServiceError) -> MessageRecord {
        func refusal(_ message: String) -> ServiceError { ServiceError(code: .systemError, message: message) }
        guard let record = dependencies.store.record(at: request.logOffset), record.topic == NameRules.halfTopic else {
            throw refusal("Find prepared transaction message failed")
        }
        guard record.property("PGROUP") == request.producerGroup else { throw refusal("The producer group wrong") }
        guard record.queueOffset == request.queueOffset else {
            throw refusal("The transaction state table offset wrong")
        }
        guard record.logOffset == request.logOffset else { throw refusal("The commit log offset wrong") }
        return record
    }

    /// The half message to work on; nil when the decision has been carried out already, or is being carried out.
    private func begin(
        _ request: EndTransaction, _ completion: @escaping EndCompletion
    ) throws(ServiceError) -> TransactionTable.Half? {
        let logEnd = dependencies.store.logBounds.end
        let end: TransactionTable.End = request.decision == .commit ? .commit : .rollback
        let (answer, mustWait) = state.withLockedValue { state in
            let answer = state.table.end(request.queueOffset, as: end, logEnd: logEnd)
            // Of a rollback nothing is stored but the op message.
            let mustWait = answer == .already(.rollback) && end == .rollback && state.table.isWritingRollbacks
            if mustWait { state.waiters.append(completion) }
            return (answer, mustWait)
        }
        switch answer {
        case .proceed(let half): return half
        case .already(let known) where known == end:
            if mustWait { flushOps(isForced: true) } else { completion(.success(())) }
            return nil
        case .already(.commit):
            throw ServiceError(code: .illegalOperation, message: "the transaction has been committed before")
        case .already(.rollback):
            throw ServiceError(code: .illegalOperation, message: "the transaction has been rolled back before")
        case .already(.discard):
            throw ServiceError(
                code: .illegalOperation,
                message: "the transaction was given up: nobody decided it in time; its message is in "
                    + HalfMessage.discardTopic)
        case .already(.copy), .already(.unknown), .unknown:
            throw ServiceError(
                code: .illegalOperation, message: "the transaction ended before; how is not known any more")
        case .busy:
            throw ServiceError(code: .systemBusy, message: "the transaction is being ended or checked, ask again")
        case .full:
            throw ServiceError(code: .systemBusy, message: "too many ends of transactions wait to be written")
        }
    }

    /// A producer that set the time of its first check must not decide by itself after it.
    private func checkInTime(_ request: EndTransaction, _ record: MessageRecord) throws(ServiceError) {
        guard !request.isAnswerToCheck,
            let immunity = HalfMessage.immunityMillis(record.property("CHECK_IMMUNITY_TIME_IN_SECONDS"))
        else { return }
        let age = dependencies.nowMillis() - record.bornTimestampMillis
        guard age > immunity else { return }
        throw ServiceError(
            code: .illegalOperation,
            message:
                "the transaction is \(age) ms old, over its time of \(immunity) ms: only the answer to a check can "
                + "end it")
    }

    /// How transactions of producers ended since the start, and how many are open.
    var counts: (committed: [String: Int64], rolledBack: Int64, open: Int) {
        state.withLockedValue { ($0.committed, $0.rolledBack, $0.table.openCount) }
    }

    private func release(_ half: TransactionTable.Half) {
        let now = dependencies.nowMillis()
        state.withLockedValue { $0.table.failed(half.queueOffset, nowMillis: now) }
    }

    // MARK: Rollback

    private func rollBack(_ half: TransactionTable.Half, _ completion: @escaping EndCompletion) {
        let now = dependencies.nowMillis()
        state.withLockedValue { state in
            state.table.ended(half.queueOffset, as: .rollback, nowMillis: now)
            state.rolledBack += 1
            state.waiters.append(completion)
        }
        flushOps(isForced: true)
    }

    // MARK: Commit

    private func commit(
        _ half: TransactionTable.Half, _ named: MessageRecord, _ completion: @escaping EndCompletion
    ) throws(ServiceError) {
        // What was named may be the original of the copy that stands for it now.
        let record =
            named.logOffset == half.logOffset ? named : dependencies.store.record(at: half.logOffset) ?? named
        guard let topicName = record.property("REAL_TOPIC"), let queueText = record.property("REAL_QID"),
            var queueID = Int32(queueText), queueID >= 0
        else {
            throw ServiceError(code: .systemError, message: "the half message does not say where it belongs")
        }
        guard let topic = dependencies.topic(topicName) else {
            throw ServiceError(code: .topicNotExist, message: "topic[\(topicName)] of the half message does not exist")
        }
        // Its queues may have become fewer meanwhile.
        if queueID >= topic.queueCount { queueID %= max(1, topic.queueCount) }
        let message = HalfMessage.committed(record, topic: topicName, queueID: queueID, halfLogOffset: half.logOffset)
        dependencies.store.append(message, isDurable: false) { [self] outcome in
            switch outcome {
            case .stored:
                committed(half, topicName)
                completion(.success(()))
            case .failed(let error):
                // One that waits for a slow disk is in the log: another would be one too many.
                if error.code == .flushTimeout { committed(half, topicName) } else { release(half) }
                completion(.failure(ResponseMapping.answer(to: error)))
            }
        }
    }

    private func committed(_ half: TransactionTable.Half, _ topicName: String) {
        let now = dependencies.nowMillis()
        let logEnd = dependencies.store.logBounds.end
        state.withLockedValue { state in
            state.table.ended(half.queueOffset, as: .commit, recordEnd: logEnd, nowMillis: now)
            state.committed[topicName, default: 0] += 1
        }
        flushOps(isForced: false)
    }

    // MARK: Op messages

    /// Writes the ends that are due, all that wait when forced, and answers those who wait for them.
    func flushOps(isForced: Bool) {
        let now = dependencies.nowMillis()
        let (_, flushed, logEnd) = dependencies.store.logBounds
        let batches = state.withLockedValue { state in
            let batches = state.table.takeOps(nowMillis: now, isForced: isForced, logEnd: logEnd, flushed: flushed)
            if !batches.isEmpty {
                state.writingWaiters = state.waiters
                state.waiters = []
            }
            return batches
        }
        if batches.isEmpty { return }
        let gathering = OpGathering(count: batches.count) { [self] results in opsWritten(results) }
        for (index, batch) in batches.enumerated() {
            let message = HalfMessage.op(batch, host: dependencies.storeHost, nowMillis: now)
            dependencies.store.append(message, isDurable: false) { gathering.finish(index, $0) }
        }
    }

    private func opsWritten(_ outcomes: [AppendOutcome]) {
        var offsets: [Int64] = []
        var failure: StoreError?
        for outcome in outcomes {
            switch outcome {
            case .stored(let receipt): offsets.append(receipt.queueOffset)
            case .failed(let error): failure = error
            }
        }
        let now = dependencies.nowMillis()
        let (answered, mustGoOn) = state.withLockedValue { [offsets, failure] state in
            state.table.opsStored(failure == nil ? offsets : nil, nowMillis: now)
            var answered = state.writingWaiters
            state.writingWaiters = []
            // Who asked again for what was being written.
            if failure == nil, !state.table.isWritingRollbacks {
                answered += state.waiters
                state.waiters = []
            }
            return (answered, failure == nil && !state.waiters.isEmpty)
        }
        if let failure {
            logger.error("ends of transactions could not be written", metadata: ["error": "\(failure)"])
        }
        let result: Result<Void, ServiceError> =
            failure.map { .failure(ResponseMapping.answer(to: $0)) } ?? .success(())
        for completion in answered { completion(result) }
        // Rollbacks that came meanwhile do not wait for the batch interval.
        if mustGoOn { flushOps(isForced: true) }
    }
}

/// The outcomes of appends that belong together.
private final class OpGathering: Sendable {
    private let outcomes: NIOLockedValueBox<(list: [AppendOutcome?], missing: Int)>
    private let completion: @Sendable ([AppendOutcome]) -> Void

    init(count: Int, completion: @escaping @Sendable ([AppendOutcome]) -> Void) {
        outcomes = NIOLockedValueBox((Array(repeating: nil, count: count), count))
        self.completion = completion
    }

    func finish(_ index: Int, _ outcome: AppendOutcome) {
        let all = outcomes.withLockedValue { state -> [AppendOutcome]? in
            state.list[index] = outcome
            state.missing -= 1
            return state.missing == 0 ? state.list.compactMap { $0 } : nil
        }
        if let all { completion(all) }
    }
}
