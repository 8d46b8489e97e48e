import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// CONSUME_MESSAGE_DIRECTLY (309): has one client consume a stored message now. The broker adds the message.
    func consumeMessageDirectly(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        var header = try request.header(ConsumeMessageDirectlyRequestHeader.self)
        guard let text = header.msgId, let id = try? OffsetMessageId(parsing: text) else {
            throw ServiceError(
                code: .systemError, message: "msgId \(header.msgId ?? "") is not the id of a stored message")
        }
        header.brokerName = broker.configuration.brokerName
        header.topicSysFlag = header.topic.flatMap { broker.topics.topic($0)?.sysFlag } ?? 0
        header.groupSysFlag = broker.groups.group(header.consumerGroup)?.groupSysFlag ?? 0
        let toClient = header
        try onWorker(request, connection) { [self] in
            var record = ByteBuffer()
            guard broker.store.readRecord(logOffset: id.logOffset, into: &record) else {
                throw ServiceError(
                    code: .systemError, message: "can not find message by the offset, \(id.logOffset)")
            }
            try relay(
                request, group: toClient.consumerGroup, clientID: toClient.clientId, header: toClient, body: record,
                question: (try? MessageRecord(record)).map { .consume(topic: $0.topic, record: record) },
                from: connection)
        }
    }
}
