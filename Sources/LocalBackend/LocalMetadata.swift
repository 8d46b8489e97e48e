import BrokerServer
import MessageModel
import ProxyServer

/// Routes and configurations of the broker in this process, straight from its registries.
package final class LocalMetadata: MetadataSource {
    private let broker: Broker

    /// A source over a broker.
    package init(broker: Broker) {
        self.broker = broker
    }

    /// The topic as the broker's registry has it.
    package func fetchTopic(_ name: String) async throws(ProxyError) -> TopicSnapshot? {
        guard let topic = broker.topics.topic(name) else { return nil }
        let configuration = broker.configuration
        let route = TopicRoute(
            queues: [
                QueueRoute(
                    brokerName: configuration.brokerName, readQueueCount: topic.readQueueCount,
                    writeQueueCount: topic.writeQueueCount, permission: topic.permission, topicSysFlag: topic.sysFlag)
            ],
            brokers: [
                BrokerRoute(
                    cluster: configuration.clusterName, brokerName: configuration.brokerName,
                    addresses: [0: configuration.advertisedAddress])
            ])
        return TopicSnapshot(name: name, route: route, messageType: topic.messageType)
    }

    /// The group as the broker's registry has it.
    package func fetchGroup(_ name: String) async throws(ProxyError) -> SubscriptionGroupConfig? {
        broker.groups.group(name)
    }
}
