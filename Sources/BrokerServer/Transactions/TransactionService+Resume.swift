import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

extension TransactionService {
    /// Opens a transaction again that was given up: its message, which lies at this log offset in the topic for those, is
    /// stored as a half message that nobody was asked about yet. An operator's means; each call opens one.
    package func resume(logOffset: Int64, completion: @escaping EndCompletion) {
        guard let record = dependencies.store.record(at: logOffset), record.topic == HalfMessage.discardTopic,
            record.property("REAL_TOPIC") != nil, record.property("PGROUP") != nil
        else {
            return completion(
                .failure(
                    ServiceError(
                        code: .systemError,
                        message: "the message id names no transaction that was given up (\(HalfMessage.discardTopic))"))
            )
        }
        guard state.withLockedValue({ $0.table.reserve() }) else {
            return completion(
                .failure(
                    ServiceError(
                        code: .systemBusy,
                        message: "\(limits.openMax) transactions are open, the broker takes no more now")))
        }
        let immunity = HalfMessage.immunityMillis(record.property("CHECK_IMMUNITY_TIME_IN_SECONDS"))
        dependencies.store.append(HalfMessage.resumed(record), isDurable: false) { [self] outcome in
            opened(outcome, immunityMillis: immunity)
            switch outcome {
            case .stored: completion(.success(()))
            case .failed(let error): completion(.failure(ResponseMapping.answer(to: error)))
            }
        }
    }
}
