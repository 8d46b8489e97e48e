import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    /// Commits or rolls back at the broker that the transaction id names; no proxy has to know of the transaction. The
    /// answer is the broker's.
    func endTransaction(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try EndTransactionRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        guard !request.transactionID.isBlank else {
            throw ProxyError(.invalidTransactionID, "Transaction id cannot be blank")
        }
        guard let id = TransactionID(parsing: request.transactionID.string) else {
            throw ProxyError(.invalidTransactionID, "the transaction id was not given by this service")
        }
        // What some clients send when their check found nothing out; the broker asks again.
        guard request.resolution != .none else { return succeed(call) }
        let target: BrokerTarget?
        do throws(ProxyError) {
            target = try broker(id.brokerName, topic: request.topic.name, for: message, call)
        } catch {
            guard error.code == .invalidReceiptHandle else { throw error }
            throw ProxyError(
                .invalidTransactionID, "the transaction id names the unknown broker \(id.brokerName)")
        }
        guard let target else { return }
        let end = EndTransactionRequest(
            topic: request.topic.name.string, broker: target, id: id, messageID: request.messageID.string,
            isCommit: request.resolution == .commit, isAnswerToCheck: request.isAnswerToCheck || id.isOfCheck)
        backend.endTransaction(end) { [self] error in
            if let error { fail(call, error) } else { succeed(call) }
        }
    }
}

/// A decision about a transaction.
package struct EndTransactionRequest: Sendable {
    /// The topic, which is also the producer group.
    package let topic: String
    /// The broker that holds the half message.
    package let broker: BrokerTarget
    /// Where the half message is.
    package let id: TransactionID
    /// Id of the message, as the client gives it.
    package let messageID: String
    /// Commit, else rollback.
    package let isCommit: Bool
    /// Whether the producer was asked.
    package let isAnswerToCheck: Bool

    /// What a client is told when a broker refuses to end its transaction.
    package static func error(_ code: ResponseCode, _ remark: String?) -> ProxyError {
        let status = StatusMapping.status(for: code, remark: remark)
        return switch code {
        // Ended before in another way, or too late without being asked.
        case .illegalOperation: ProxyError(.badRequest, status.message)
        // No such half message, or one of another group.
        case .systemError: ProxyError(.invalidTransactionID, status.message)
        default: ProxyError(status.code, status.message)
        }
    }
}
