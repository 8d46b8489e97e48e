import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_CONSUME_QUEUE (321): entries of a consume queue, and whether a group's filter would pass them.
    func queryConsumeQueue(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(QueryConsumeQueueRequestHeader.self)
        let topic = header.topic
        guard let config = broker.topics.topic(topic), header.queueId >= 0, header.queueId < config.queueCount else {
            throw ServiceError(code: .systemError, message: "\(header.queueId)@\(topic) is not exist!")
        }
        try onWorker(request, connection) { [broker] in
            let bounds = (
                min: broker.store.minOffset(topic: topic, queueId: header.queueId),
                max: broker.store.maxOffset(topic: topic, queueId: header.queueId)
            )
            var body = ConsumeQueueEntries(minOffset: bounds.min, maxOffset: bounds.max, entries: [])
            var filter: MessageFilter?
            if let group = header.consumerGroup, !group.isEmpty {
                body.subscription = broker.clients.ask { $0.consumers[group]?.subscriptions[topic] }
                filter = try body.subscription.map {
                    try MessageFilter(type: $0.expressionType, expression: $0.expression)
                }
                body.filter =
                    broker.savedFilters.filter(topic: topic, group: group).map {
                        String(
                            decoding: $0.json(topic: topic, group: group).serialize(pretty: true), as: UTF8.self)
                    } ?? "null"
            }
            // A negative index counts from the end.
            let first = header.index < 0 ? max(bounds.min, bounds.max + header.index) : header.index
            guard first >= bounds.min, first < bounds.max else {
                throw ServiceError(
                    code: .systemError,
                    message: "Index \(header.index) of topic: \(topic), queueId: \(header.queueId) is not exist!")
            }
            let slots = broker.store.queueEntries(
                topic: topic, queueId: header.queueId, from: first,
                count: Int(max(0, min(header.count, Self.entriesMax))))
            body.entries = slots.map { slot in
                var probe = ByteBuffer()
                let isThere = broker.store.readRecord(logOffset: slot.logOffset, size: slot.size, into: &probe)
                return ConsumeQueueEntries.Entry(
                    logOffset: slot.logOffset, size: slot.size, tagsCode: slot.tagsCode,
                    message: isThere ? nil : "No message found in commitLog",
                    isMatched: filter?.mayMatch(tagsCode: slot.tagsCode) ?? false)
            }
            connection.respond(to: request, code: .success, body: body.encode())
        }
    }

    /// Entries of one answer.
    private static var entriesMax: Int32 { 1_024 }
}
