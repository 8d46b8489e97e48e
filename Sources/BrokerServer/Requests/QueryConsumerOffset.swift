import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_CONSUMER_OFFSET (14): where a group goes on in a queue.
    func queryConsumerOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(QueryConsumerOffsetRequestHeader.self)
        let pending = broker.pulls.resets.pending(
            group: header.consumerGroup, topic: header.topic, queueID: header.queueId)
        let known =
            pending
            ?? broker.delivery.offsets.offset(
                group: header.consumerGroup, topic: header.topic, queueID: header.queueId)
        if let known, known >= 0 {
            return connection.respond(
                to: request, code: .success, header: QueryConsumerOffsetResponseHeader(offset: known))
        }
        guard header.setZeroIfNotFound ?? true else {
            throw ServiceError(
                code: .queryNotFound, message: "Not found, do not set to zero, maybe this group boot first")
        }
        // A group that starts on a queue which still has its first message reads all of it. Apache asks besides
        // whether that message is in memory, which makes the answer depend on luck.
        let first = broker.store.minOffset(topic: header.topic, queueId: header.queueId)
        let end = broker.store.maxOffset(topic: header.topic, queueId: header.queueId)
        guard first <= 0, end > 0 else {
            throw ServiceError(
                code: .queryNotFound, message: "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
        }
        connection.respond(to: request, code: .success, header: QueryConsumerOffsetResponseHeader(offset: 0))
    }
}
