import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// RECALL_MESSAGE (370): takes a delayed message back.
    func recallMessage(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try RecallMessageRequestHeader(fields: request.fields)
        let ticket = request.ticket
        broker.recall(
            topic: header.topic, handle: header.recallHandle, producerGroup: header.producerGroup
        ) { result in
            switch result {
            case .success(let id):
                connection.respond(to: ticket, code: .success, header: RecallMessageResponseHeader(messageId: id))
            case .failure(let error): connection.respond(to: ticket, code: error.code, remark: error.message)
            }
        }
    }
}
