import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_SUBSCRIPTION_BY_CONSUMER (345): what a group subscribes to on a topic.
    func querySubscriptionByConsumer(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(QuerySubscriptionByConsumerRequestHeader.self)
        let topic = header.topic ?? ""
        let subscription = broker.clients.ask { $0.consumers[header.group]?.subscriptions[topic] }
        let body = GroupSubscription(group: header.group, topic: topic, subscription: subscription)
        connection.respond(to: request, code: .success, body: body.encode())
    }
}
