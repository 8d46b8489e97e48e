import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_MIN_OFFSET (31): the offset of a queue's first message.
    func getMinOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetMinOffsetRequestHeader.self)
        let offset = broker.store.minOffset(topic: header.topic, queueId: header.queueId)
        connection.respond(to: request, code: .success, header: GetMinOffsetResponseHeader(offset: max(0, offset)))
    }
}
