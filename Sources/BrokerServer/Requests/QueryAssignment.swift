import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_ASSIGNMENT (400): the queues of a topic that a client is to fetch, and how.
    func queryAssignment(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let body = try QueryAssignmentRequestBody(decoding: request.body)
        broker.queues(of: body.topic) { [broker] queues in
            guard let assignments = queues.flatMap({ broker.assignments(body, $0) }) else {
                // Nothing is known: the client keeps what it has.
                return connection.respond(to: request, code: .success, body: ByteBuffer(string: "{}"))
            }
            connection.respond(
                to: request, code: .success, body: QueryAssignmentResponseBody(assignments: assignments).encode())
        }
    }
}

extension Broker {
    /// The readable queues of a topic on all brokers, in the order in which members share them; nil when it is unknown.
    func queues(of topic: String, completion: @escaping @Sendable ([MessageQueue]?) -> Void) {
        guard let finder = routeFinder.withLockedValue({ $0 }) else { return completion(localQueues(of: topic)) }
        finder.find(topic) { [self] route in
            guard let route else { return completion(localQueues(of: topic)) }
            let queues = route.queues.filter { $0.permission.contains(.read) }.flatMap { broker in
                (0..<max(0, min(broker.readQueueCount, Self.queuesPerBrokerMax))).map {
                    MessageQueue(topic: topic, brokerName: broker.brokerName, queueId: $0)
                }
            }
            completion(queues.sorted { ($0.brokerName, $0.queueId) < ($1.brokerName, $1.queueId) })
        }
    }

    private static var queuesPerBrokerMax: Int32 { 65_536 }

    private func localQueues(of name: String) -> [MessageQueue]? {
        guard let topic = topics.topic(name), topic.permission.contains(.read) else { return nil }
        return (0..<topic.readQueueCount).map {
            MessageQueue(topic: name, brokerName: configuration.brokerName, queueId: $0)
        }
    }

    /// The share of a client; nil when it cannot be told.
    func assignments(
        _ query: QueryAssignmentRequestBody, _ queues: [MessageQueue]
    ) -> [QueryAssignmentResponseBody.Assignment]? {
        typealias Assignment = QueryAssignmentResponseBody.Assignment
        let set =
            NameRules.isRetryTopic(query.topic)
            ? RequestModeRegistry.Mode(mode: .pull, popShareQueueCount: 0)
            : requestModes.mode(topic: query.topic, group: query.consumerGroup) ?? configuration.defaultRequestMode
        if query.messageModel == .broadcasting || !configuration.serverLoadBalancerEnable {
            return queues.map { Assignment(queue: $0, mode: set.mode) }
        }
        let members = clients.ask { $0.clientIDs(group: query.consumerGroup) }
        guard !members.isEmpty, let strategy = QueueAllocation(rawValue: query.strategyName) else { return nil }
        let member = members.firstIndex(of: query.clientId) ?? -1
        let shared = Int(set.popShareQueueCount)
        if set.mode == .pop, shared <= 0 || shared >= members.count - 1 {
            // Everybody pops from everywhere: one entry stands for all queues of a broker.
            var seen: Set<String> = []
            return queues.filter { seen.insert($0.brokerName).inserted }.map {
                Assignment(
                    queue: MessageQueue(topic: $0.topic, brokerName: $0.brokerName, queueId: -1), mode: .pop)
            }
        }
        let share =
            set.mode == .pop
            ? strategy.popShare(
                queueCount: queues.count, member: member, memberCount: members.count, shared: shared)
            : strategy.share(queueCount: queues.count, member: member, memberCount: members.count)
        return share.map { Assignment(queue: queues[$0], mode: set.mode) }
    }
}
