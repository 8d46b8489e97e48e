import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// CONSUMER_SEND_MSG_BACK (36): a consumer wants a message again later.
    func consumerSendMessageBack(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(ConsumerSendMessageBackRequestHeader.self)
        if header.delayLevel < 0, let handle = header.extraInfo {
            return try endDelivery(request, header, handle: handle, from: connection)
        }
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

    /// A proxy gives a delivery up: the copy and the end of the delivery are one thing, and doing it twice is doing it once.
    private func endDelivery(
        _ request: RemotingCommand, _ header: ConsumerSendMessageBackRequestHeader, handle text: String,
        from connection: RemotingServerConnection
    ) throws {
        let handle: ReceiptHandle
        do {
            handle = try ReceiptHandle(parsing: text)
        } catch {
            throw ServiceError.badHandle(error)
        }
        guard let topic = header.originTopic else {
            throw ServiceError(code: .messageIllegal, message: "originTopic is missing")
        }
        let delivery = AckRequest(
            group: header.group, topic: topic, queueID: handle.queueId, offset: handle.queueOffset,
            popMillis: handle.popTimeMillis, isOrdered: handle.isOrdered)
        let ticket = request.ticket
        try onWorker(request, connection) { [broker] in
            broker.delivery.deadLetter(delivery) { error in
                if let error { return connection.respond(to: ticket, code: error.code, remark: error.message) }
                connection.respond(
                    to: ticket, code: .success, header: ConsumerSendMessageBackResponseHeader(isDone: true))
            }
        }
    }
}
