import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_BROKER_CONSUME_STATS (317): the progress of all groups that consume in order, or of all others.
    func getBrokerConsumeStats(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let isOrdered = try request.header(GetBrokerConsumeStatsRequestHeader.self).isOrder
        try onWorker(request, connection) { [broker] in
            var list = ConsumeStatsList(brokerAddress: broker.configuration.advertisedAddress, groups: [])
            let groups = broker.groups.snapshot.groups.values.filter { $0.consumeMessageOrderly == isOrdered }
            let topics = broker.delivery.topicsByGroup
            for group in groups.sorted(by: { $0.name < $1.name }) {
                var entry = ConsumeStatsList.Group(name: group.name, topics: [])
                for name in topics[group.name, default: []].sorted() {
                    guard let topic = broker.topics.topic(name) else { continue }
                    let stats = broker.consumeStats(of: group.name, on: [topic])
                    for offset in stats.offsets.values {
                        list.behind += offset.brokerOffset - offset.consumerOffset
                        list.inFlight += offset.pullOffset - offset.consumerOffset
                    }
                    entry.topics.append(stats)
                }
                list.groups.append(entry)
            }
            let body = list.encode()
            try Self.checkSize(body)
            connection.respond(to: request, code: .success, body: body)
        }
    }
}
