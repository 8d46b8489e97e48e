import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// INVOKE_BROKER_TO_RESET_OFFSET (222): moves a group to other offsets; the answer names them by queue.
    func resetOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(ResetOffsetRequestHeader.self)
        try onWorker(request, connection) { [broker] in
            var table: [MessageQueue: Int64] = [:]
            for (queueID, offset) in try broker.resetOffsets(header) {
                let queue = MessageQueue(
                    topic: header.topic, brokerName: broker.configuration.brokerName, queueId: queueID)
                table[queue] = offset
            }
            connection.respond(to: request, code: .success, body: ResetOffsetBody(offsets: table).encode())
        }
    }
}
