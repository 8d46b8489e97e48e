import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_CONSUMER_LIST_BY_GROUP (38): the ids of a group's clients, from which each computes its share of queues.
    func getConsumerListByGroup(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let group = try request.header(GetConsumerListByGroupRequestHeader.self).consumerGroup
        let ids = broker.clients.ask { $0.clientIDs(group: group) }
        guard !ids.isEmpty else {
            throw ServiceError(code: .systemError, message: "no consumer for this group, \(group)")
        }
        connection.respond(to: request, code: .success, body: ConsumerIdList(clientIds: ids).encode())
    }
}
