import MessageModel
import RemotingCodec
import RemotingTransport

/// ACK_MESSAGE (200051): marks one message as done.
package struct AckMessageHandler: Sendable {
    private let delivery: DeliveryService
    private let lite: LiteService?

    /// A handler over the delivery service, and the one of lite topics.
    package init(delivery: DeliveryService, lite: LiteService? = nil) {
        self.delivery = delivery
        self.lite = lite
    }

    /// Answers the request.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        do throws(ServiceError) {
            try ack(request)
            connection.respond(to: request, code: .success)
        } catch {
            connection.respond(to: request, error: error)
        }
    }

    func ack(_ request: RemotingCommand) throws(ServiceError) {
        let header: AckMessageRequestHeader
        do {
            header = try request.header(AckMessageRequestHeader.self)
        } catch {
            throw .badRequest(error)
        }
        let handle: ReceiptHandle
        do {
            handle = try ReceiptHandle(parsing: header.extraInfo)
        } catch {
            throw .badHandle(error)
        }
        if let lite, let liteTopic = header.liteTopic, !liteTopic.isEmpty {
            return try lite.ack(
                lite.receipt(
                    group: header.consumerGroup, topic: header.topic, liteTopic: liteTopic, queueID: header.queueId,
                    offset: header.offset, popMillis: handle.popTimeMillis))
        }
        try delivery.ack(
            AckRequest(
                group: header.consumerGroup, topic: header.topic, queueID: header.queueId, offset: header.offset,
                popMillis: handle.popTimeMillis, isOrdered: handle.isOrdered))
    }
}
