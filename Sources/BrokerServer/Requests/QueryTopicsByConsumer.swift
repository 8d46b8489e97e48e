import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_TOPICS_BY_CONSUMER (343): the topics on which a group has progress.
    func queryTopicsByConsumer(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let group = try request.header(QueryTopicsByConsumerRequestHeader.self).group
        let list = TopicList(
            topics: broker.delivery.topics(group: group),
            brokerAddress: broker.configuration.advertisedAddress)
        connection.respond(to: request, code: .success, body: list.encode())
    }
}
