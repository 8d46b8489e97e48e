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
            let refusedCount = try ack(request)
            let isWanted = (try? request.header(BatchAckRequestHeader.self))?.wantsRefusedCount ?? false
            connection.respond(
                to: request, code: .success,
                header: BatchAckResponseHeader(refusedCount: isWanted ? Int32(clamping: refusedCount) : 0))
        } catch {
            connection.respond(to: request, error: error)
        }
    }

    /// Acks what can be acked; the first entry that makes no sense makes the answer. Answers how many handles were of no
    /// delivery in progress.
    @discardableResult
    func ack(_ request: RemotingCommand) throws(ServiceError) -> Int {
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
        var refusedCount = 0
        for entry in body.entries {
            do throws(ServiceError) { refusedCount += try ack(entry) } catch { refused = refused ?? error }
        }
        if let refused { throw refused }
        return refusedCount
    }

    private func ack(_ entry: BatchAckBody.Entry) throws(ServiceError) -> Int {
        guard let kind = Int32(entry.retry).flatMap(PopTopicKind.init(rawValue:)) else {
            throw ServiceError(code: .messageIllegal, message: "no topic kind is \(entry.retry)")
        }
        // A start offset near the end of the range cannot be one of ours; no offset reaches that far.
        guard entry.startOffset >= 0, entry.startOffset < Int64.max - Int64(BatchAckBody.spanMax) else {
            throw ServiceError(code: .messageIllegal, message: "start offset \(entry.startOffset) is out of range")
        }
        return try delivery.ack(
            group: entry.consumerGroup, topic: kind.storedTopic(topic: entry.topic, group: entry.consumerGroup),
            queueID: entry.queueId, offsets: entry.acked.lazy.map { entry.startOffset + Int64($0) },
            popMillis: entry.popTimeMillis, isOrdered: entry.reviveQueueId == ReceiptHandle.orderedReviveQueueId)
    }
}
