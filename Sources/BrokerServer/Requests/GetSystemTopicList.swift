import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_SYSTEM_TOPIC_LIST_FROM_BROKER (305): the broker's own topics.
    func getSystemTopicList(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let topics = broker.topics.snapshot.topics.keys.filter { broker.topics.isSystemTopic($0) }
        connection.respond(to: request, code: .success, body: TopicList(topics: topics.sorted()).encode())
    }
}
