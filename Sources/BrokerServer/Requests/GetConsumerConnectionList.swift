import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_CONSUMER_CONNECTION_LIST (203): who consumes in a group, and how.
    func getConsumerConnectionList(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let name = try request.header(GetConsumerConnectionListRequestHeader.self).consumerGroup
        let group = broker.clients.ask { $0.consumers[name] }
        let proxied = broker.proxiedConsumers.members(group: name)
        var body = ConsumerConnections()
        if let group, !group.members.isEmpty {
            body = ConsumerConnections(
                connections: group.members.values.map(\.identity).clientConnections,
                subscriptions: group.subscriptions, consumeType: group.consumeType, messageModel: group.messageModel,
                consumeFromWhere: group.consumeFromWhere)
            body.warnings = GroupFault.Kind.allCases.filter(group.faults.contains).map(\.sentence)
        } else if proxied.isEmpty {
            throw ServiceError(code: .consumerNotOnline, message: "the consumer group[\(name)] not online")
        }
        body.add(proxied)
        connection.respond(to: request, code: .success, body: body.encode())
    }
}

extension ConsumerConnections {
    /// Adds consumers that are connected to proxies.
    fileprivate mutating func add(_ consumers: [ProxiedConsumers.Consumer]) {
        for consumer in consumers.sorted(by: { $0.client.clientId < $1.client.clientId }) {
            connections.append(consumer.client)
            consumeType = consumeType ?? consumer.data.consumeType
            messageModel = messageModel ?? consumer.data.messageModel
            consumeFromWhere = consumeFromWhere ?? consumer.data.consumeFromWhere
            for subscription in consumer.data.subscriptions where subscriptions[subscription.topic] == nil {
                subscriptions[subscription.topic] = subscription
            }
        }
    }
}

extension [ClientIdentity] {
    /// The clients in the form of bodies, in a steady order.
    var clientConnections: [ClientConnection] {
        sorted { ($0.clientID, $0.address) < ($1.clientID, $1.address) }.map {
            ClientConnection(clientId: $0.clientID, address: $0.address, language: $0.language, version: $0.version)
        }
    }
}
