import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// VIEW_MESSAGE_BY_ID (33): the record at a log offset, which a client takes from the message id.
    func viewMessage(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let offset = try request.header(ViewMessageByIdRequestHeader.self).offset
        try onWorker(request, connection) { [broker] in
            var body = ByteBuffer()
            guard broker.store.checkedRecord(logOffset: offset, into: &body) else {
                throw ServiceError(code: .systemError, message: "can not find message by the offset, \(offset)")
            }
            connection.respond(to: request, code: .success, body: body)
        }
    }
}
