import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// CONSUMER_SEND_MSG_BACK (36): a consumer wants a message again later.
    func consumerSendMessageBack(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(ConsumerSendMessageBackRequestHeader.self)
        var back = SendBackRequest(group: header.group, logOffset: header.offset)
        back.delayLevel = header.delayLevel
        back.isUnitMode = header.unitMode ?? false
        // Older clients do not mean what they write here.
        if request.version >= ProtocolVersion.v3_4_9 { back.maxReconsumeTimes = header.maxReconsumeTimes }
        let ticket = request.ticket
        // The message is likely to be old: reading it may wait for the disk.
        try onWorker(request, connection) { [broker, back] in
            broker.sendBack(back) { outcome in
                switch outcome {
                case .success: connection.respond(to: ticket, code: .success)
                case .failure(let error):
                    connection.respond(to: ticket, code: error.code, remark: error.message)
                }
            }
        }
    }
}
