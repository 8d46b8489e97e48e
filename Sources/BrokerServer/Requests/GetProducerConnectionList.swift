import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_PRODUCER_CONNECTION_LIST (204): who produces in a group.
    func getProducerConnectionList(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let group = try request.header(GetProducerConnectionListRequestHeader.self).producerGroup
        guard let members = broker.clients.ask({ $0.producers[group] }) else {
            throw ServiceError(code: .systemError, message: "the producer group[\(group)] not exist")
        }
        let body = ProducerConnections(connections: members.values.map(\.identity).clientConnections)
        connection.respond(to: request, code: .success, body: body.encode())
    }
}
