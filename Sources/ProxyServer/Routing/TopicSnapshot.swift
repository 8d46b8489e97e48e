import MessageModel
import ProtoMessages

/// A topic as the name server and a broker described it at one moment; never changed, only replaced.
package final class TopicSnapshot: Sendable {
    /// The topic's name.
    package let name: String
    /// Its route.
    package let route: TopicRoute
    /// The kind of messages it takes; a kind that nobody knows is NORMAL.
    package let messageType: TopicMessageType
    /// Whether messages of any kind are taken: the kind is only assumed, or the topic holds other topics' messages.
    package let takesAnyKind: Bool
    /// Queues to send to, by broker name and number: a message group keeps its place in this list.
    package let sendQueues: [SendQueue]
    /// Brokers with readable queues, by name.
    package let readBrokers: [BrokerTarget]
    /// All brokers of the route, by name.
    package let brokers: [BrokerTarget]

    /// A snapshot of a route and a kind.
    package init(name: String, route: TopicRoute, messageType: TopicMessageType) {
        self.name = name
        self.route = route
        takesAnyKind = messageType == .unspecified || NameRules.isRetryTopic(name) || NameRules.isDLQTopic(name)
        self.messageType = messageType == .unspecified ? .normal : messageType
        let brokers = route.brokers.map { broker in
            BrokerTarget(
                name: broker.brokerName, masterAddress: broker.masterAddress.flatMap(HostPort.init(parsing:)),
                readAddress: broker.preferredAddress.flatMap(HostPort.init(parsing:)))
        }.sorted { $0.name < $1.name }
        self.brokers = brokers
        var sendQueues: [SendQueue] = []
        var readBrokers: [BrokerTarget] = []
        for queue in route.queues.sorted(by: { $0.brokerName < $1.brokerName }) {
            guard let broker = brokers.first(where: { $0.name == queue.brokerName }) else { continue }
            if queue.permission.contains(.read), queue.readQueueCount > 0, broker.readAddress != nil {
                readBrokers.append(broker)
            }
        }
        for (brokerName, count) in Self.writeQueueCounts(route) {
            guard let broker = brokers.first(where: { $0.name == brokerName }), broker.masterAddress != nil
            else { continue }
            for queueId in 0..<count { sendQueues.append(SendQueue(broker: broker, queueId: queueId)) }
        }
        self.sendQueues = sendQueues
        self.readBrokers = readBrokers
    }

    /// More queues of one broker than this are left out: a wrong number must not fill the memory.
    private static let queueCountMax: Int32 = 65_536

    /// Writable queues per broker, by broker name; a fixed order of the topic wins over the brokers' numbers.
    private static func writeQueueCounts(_ route: TopicRoute) -> [(String, Int32)] {
        if let text = route.orderTopicConf, !text.isEmpty {
            let counts = text.split(separator: ";").compactMap { part -> (String, Int32)? in
                let pair = part.split(separator: ":")
                guard pair.count == 2, let count = Int32(pair[1]), count > 0 else { return nil }
                return (String(pair[0]), min(count, queueCountMax))
            }
            return counts.sorted { $0.0 < $1.0 }
        }
        return route.queues.filter { $0.permission.contains(.write) && $0.writeQueueCount > 0 }
            .map { ($0.brokerName, min($0.writeQueueCount, queueCountMax)) }.sorted { $0.0 < $1.0 }
    }

    /// The broker of a name, if the topic is on it.
    package func broker(named name: ProtoText) -> BrokerTarget? {
        brokers.first { name == $0.name }
    }

    /// The broker of a name, if the topic is on it.
    package func broker(named name: String) -> BrokerTarget? {
        brokers.first { $0.name == name }
    }

    /// Whether the other snapshot says the same.
    package func isSame(as other: TopicSnapshot) -> Bool {
        messageType == other.messageType && takesAnyKind == other.takesAnyKind && route == other.route
    }
}
