import MessageModel
import RemotingCodec
import RemotingTransport

/// BATCH_ACK_MESSAGE (200151): marks messages of several pops as done.
package struct BatchAckMessageHandler: Sendable {
    private let delivery: DeliveryService

    /// A handler over the delivery service.
    package init(delivery: DeliveryService) { self.delivery = delivery }

    /// Answers the request.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        do throws(ServiceError) {
            try ack(request)
            connection.respond(to: request, code: .success)
        } catch {
            connection.respond(to: request, error: error)
        }
    }

    /// Acks what can be acked; the first entry that cannot makes the answer.
    func ack(_ request: RemotingCommand) throws(ServiceError) {
        let body: BatchAckBody
        do {
            body = try BatchAckBody(decoding: request.body)
        } catch {
            throw .badRequest(error)
        }
        guard !body.entries.isEmpty else {
            throw ServiceError(code: .noMessage, message: "the batch acknowledges nothing")
        }
        var refused: ServiceError?
        for entry in body.entries {
            do throws(ServiceError) { try ack(entry) } catch { refused = refused ?? error }
        }
        if let refused { throw refused }
    }

    private func ack(_ entry: BatchAckBody.Entry) throws(ServiceError) {
        guard let kind = Int32(entry.retry).flatMap(PopTopicKind.init(rawValue:)) else {
            throw ServiceError(code: .messageIllegal, message: "no topic kind is \(entry.retry)")
        }
        // A start offset near the end of the range cannot be one of ours; no offset reaches that far.
        guard entry.startOffset >= 0, entry.startOffset < Int64.max - Int64(BatchAckBody.spanMax) else {
            throw ServiceError(code: .messageIllegal, message: "start offset \(entry.startOffset) is out of range")
        }
        try delivery.ack(
            group: entry.consumerGroup, topic: kind.storedTopic(topic: entry.topic, group: entry.consumerGroup),
            queueID: entry.queueId, offsets: entry.acked.lazy.map { entry.startOffset + Int64($0) },
            popMillis: entry.popTimeMillis, isOrdered: entry.reviveQueueId == ReceiptHandle.orderedReviveQueueId)
    }
}
