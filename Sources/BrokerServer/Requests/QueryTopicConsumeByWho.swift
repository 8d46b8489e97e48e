import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_TOPIC_CONSUME_BY_WHO (300): groups with consumers on the topic now, or with progress on it.
    func queryTopicConsumeByWho(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let topic = try request.header(QueryTopicConsumeByWhoRequestHeader.self).topic
        let online = broker.clients.ask { $0.groups(subscribedTo: topic) }
        let groups = Set(online).union(broker.delivery.groups(topic: topic)).sorted()
        connection.respond(to: request, code: .success, body: GroupList(groups: groups).encode())
    }
}
