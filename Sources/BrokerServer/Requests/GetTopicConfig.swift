import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_TOPIC_CONFIG (351): one topic.
    func getTopicConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let name = try request.header(GetTopicConfigRequestHeader.self).topic
        guard let topic = broker.topics.topic(name) else {
            throw ServiceError(code: .topicNotExist, message: "No topic in this broker. topic: \(name)")
        }
        connection.respond(to: request, code: .success, body: topic.encode())
    }
}
