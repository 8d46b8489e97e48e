import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// RESUME_CHECK_HALF_MESSAGE (323): has a transaction that was given up asked about again. Apache's broker makes a half
    /// message of any message; here it must be one from the topic for those that were given up.
    func resumeCheckHalfMessage(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let text = try request.fields.string("msgId")
        let id: OffsetMessageId
        do {
            id = try OffsetMessageId(parsing: text)
        } catch {
            throw ServiceError(code: .systemError, message: error.message)
        }
        let ticket = request.ticket
        broker.transactions.resume(logOffset: id.logOffset) { result in
            switch result {
            case .success: connection.respond(to: ticket, code: .success)
            case .failure(let error): connection.respond(to: ticket, code: error.code, remark: error.message)
            }
        }
    }
}
