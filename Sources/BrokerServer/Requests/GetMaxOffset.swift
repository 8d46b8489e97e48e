import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_MAX_OFFSET (30): the offset after a queue's last readable message.
    func getMaxOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetMaxOffsetRequestHeader.self)
        let offset = broker.store.maxOffset(topic: header.topic, queueId: header.queueId)
        connection.respond(to: request, code: .success, header: GetMaxOffsetResponseHeader(offset: max(0, offset)))
    }
}
