import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UNREGISTER_CLIENT (35): a client leaves a producer group, a consumer group or both.
    func unregisterClient(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(UnregisterClientRequestHeader.self)
        broker.clients.unregister(
            clientID: header.clientId, producerGroup: header.producerGroup, consumerGroup: header.consumerGroup,
            on: connection.id)
        connection.respond(to: request, code: .success)
    }
}
