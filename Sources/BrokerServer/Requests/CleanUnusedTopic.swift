import MessageModel
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// CLEAN_UNUSED_TOPIC (316): deletes queues of topics that the broker does not have, such as an earlier broker on
    /// the same directory may have left.
    func cleanUnusedTopic(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [broker, logger] in
            for topic in broker.store.queueTopics.sorted() {
                guard broker.topics.topic(topic) == nil, !broker.topics.isSystemTopic(topic),
                    topic != LedgerJournal.topic,
                    LiteService.topic(topic, in: { broker.topics.topic($0) }) == nil
                else { continue }
                do throws(StoreError) {
                    try broker.store.deleteTopic(topic)
                } catch {
                    throw ResponseMapping.answer(to: error)
                }
                logger.notice("queues of an unknown topic deleted", metadata: ["topic": "\(topic)"])
            }
            connection.respond(to: request, code: .success)
        }
    }
}
