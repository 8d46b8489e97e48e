import MessageModel
import StorageEngine

/// A file in the `config` directory that says whether the store is a replica's: its small files may be a second older than
/// its log.
struct ReplicaMark {
    private static let fileName = "replica.json"
    private let storage: any RegistryStorage

    init(in storage: any RegistryStorage) {
        self.storage = storage
    }

    /// Whether the last process kept the store as a replica.
    func isSet() throws(BrokerError) -> Bool {
        guard let bytes = try storage.read(Self.fileName), let json = try? JSONValue(parsing: bytes) else {
            return false
        }
        return json["isReplica"] == .bool(true)
    }

    /// Says so, or that it is over.
    func set(_ isReplica: Bool) throws(BrokerError) {
        let json: JSONValue = ["isReplica": .bool(isReplica)]
        try storage.replace(Self.fileName, with: json.serialize(pretty: true))
    }
}

extension Broker {
    /// Takes a replica's store over: topics that its master made in its last second have messages, but no settings here.
    /// They get plain ones, so that what was answered can be received.
    func takeOverReplica() throws(BrokerError) {
        let mark = ReplicaMark(in: storage)
        guard try mark.isSet() else { return }
        for name in store.queueTopics.sorted() where topics.topic(name) == nil {
            guard !NameRules.isSystemTopic(name), LiteTopicName(queueName: name) == nil,
                let last = store.queueIds(topic: name).max()
            else { continue }
            logger.warning(
                "a topic was made just before its broker was lost: its settings are not known, look at them",
                metadata: ["topic": "\(name)", "queues": "\(last + 1)"])
            let topic = TopicConfig(name: name, readQueueCount: last + 1, writeQueueCount: last + 1)
            topics.createIfAbsent(topic) { [logger] made in
                guard case .failure(let error) = made else { return }
                logger.error("the topic cannot be made", metadata: ["topic": "\(name)", "error": "\(error)"])
            }
        }
        // The worker makes the topics first.
        _ = worker.submit { [logger] in
            do throws(BrokerError) {
                try mark.set(false)
            } catch {
                logger.error("the mark of a replica stays", metadata: ["error": "\(error)"])
            }
        }
    }
}
