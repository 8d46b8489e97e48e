import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_EARLIEST_MSG_STORETIME (32): when a queue's first message was stored; -1 without one.
    func getEarliestStoreTime(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetEarliestStoreTimeRequestHeader.self)
        try onWorker(request, connection) { [broker] in
            let first = broker.store.minOffset(topic: header.topic, queueId: header.queueId)
            let time = broker.store.storeTimestamp(
                topic: header.topic, queueId: header.queueId, queueOffset: first)
            connection.respond(
                to: request, code: .success, header: GetEarliestStoreTimeResponseHeader(timestampMillis: time ?? -1))
        }
    }
}
