import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_CONSUMER_OFFSET (15): a pulling consumer's progress, or an administrator's decision.
    func updateConsumerOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(UpdateConsumerOffsetRequestHeader.self)
        guard broker.groups.groupOrCreate(header.consumerGroup) != nil else {
            throw ServiceError(
                code: .subscriptionGroupNotExist, message: "Group \(header.consumerGroup) not exist!")
        }
        guard let topic = broker.topics.topic(header.topic) else {
            throw ServiceError(code: .topicNotExist, message: "Topic \(header.topic) not exist!")
        }
        guard header.queueId >= 0, header.queueId < topic.queueCount, header.commitOffset >= 0 else {
            throw ServiceError(
                code: .invalidParameter,
                message: "queueId \(header.queueId) or offset \(header.commitOffset) is out of range")
        }
        broker.pulls.commit(
            group: header.consumerGroup, topic: header.topic, queueID: header.queueId, offset: header.commitOffset)
        connection.respond(to: request, code: .success)
    }
}
