import Logging
import MessageModel
import StorageEngine

extension LiteService {
    /// The service of a broker, over its registries and its store.
    convenience init(
        configuration: BrokerConfiguration, delivery: DeliveryService, topics: TopicRegistry, groups: GroupRegistry,
        store: MessageStore, logger: Logger
    ) {
        self.init(
            delivery: delivery, limits: configuration.lite,
            dependencies: Dependencies(
                topic: { topics.topic($0) }, group: { groups.group($0) }, storedQueues: { store.lightQueues },
                storeMillis: { store.storeTimestamp(topic: $0, queueId: LiteTopicName.queueID, queueOffset: $1) },
                deleteQueues: { try store.deleteLightQueues($0) }), logger: logger)
    }
}
