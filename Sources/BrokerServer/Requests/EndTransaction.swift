import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// END_TRANSACTION (37): commits or rolls back. No decision is no request: it gets no answer, as with Apache's broker.
    func endTransaction(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(EndTransactionRequestHeader.self)
        let decision: EndTransaction.Decision
        switch MessageSysFlag(rawValue: header.commitOrRollback) {
        case .transactionCommit: decision = .commit
        case .transactionRollback: decision = .rollback
        default: return connection.dismiss(request.ticket)
        }
        let end = EndTransaction(
            decision, producerGroup: header.producerGroup, queueOffset: header.tranStateTableOffset,
            logOffset: header.commitLogOffset, isAnswerToCheck: header.fromTransactionCheck ?? false)
        let ticket = request.ticket
        broker.transactions.end(end) { [logger] result in
            switch result {
            case .success: connection.respond(to: ticket, code: .success)
            case .failure(let error):
                // Most clients do not wait for an answer.
                logger.info(
                    "a transaction was not ended",
                    metadata: ["halfOffset": "\(end.queueOffset)", "reason": "\(error.message)"])
                connection.respond(to: ticket, code: error.code, remark: error.message)
            }
        }
    }
}
