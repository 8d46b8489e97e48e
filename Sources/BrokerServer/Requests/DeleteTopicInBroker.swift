import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// DELETE_TOPIC_IN_BROKER (215): takes the topic, its pop retry topics, queues and consumer offsets away.
    func deleteTopic(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let name = try request.header(DeleteTopicInBrokerRequestHeader.self).topic
        guard name.utf8.contains(where: { $0 > 0x20 }) else {
            throw ServiceError(code: .invalidParameter, message: "The specified topic is blank.")
        }
        if broker.live.validateSystemTopicWhenUpdateTopic, broker.topics.isSystemTopic(name) {
            throw ServiceError(code: .invalidParameter, message: "The topic[\(name)] is conflict with system topic.")
        }
        guard name.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ".") && $0 > 0x20 }),
            name != LedgerJournal.topic
        else {
            throw ServiceError(code: .invalidParameter, message: "The topic[\(name)] cannot be deleted.")
        }
        broker.deleteTopic(name) { deleted in
            switch deleted {
            case .success: connection.respond(to: request, code: .success)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }
}
