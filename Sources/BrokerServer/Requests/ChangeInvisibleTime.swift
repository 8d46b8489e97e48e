import MessageModel
import RemotingCodec
import RemotingTransport

/// CHANGE_MESSAGE_INVISIBLETIME (200053): sets anew how long a message stays invisible, from now on.
package struct ChangeInvisibleTimeHandler: Sendable {
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
            connection.respond(to: request, code: .success, header: try change(request))
        } catch {
            connection.respond(to: request, error: error)
        }
    }

    func change(_ request: RemotingCommand) throws(ServiceError) -> ChangeInvisibleTimeResponseHeader {
        let header: ChangeInvisibleTimeRequestHeader
        do {
            header = try request.header(ChangeInvisibleTimeRequestHeader.self)
        } catch {
            throw .badRequest(error)
        }
        let handle: ReceiptHandle
        do {
            handle = try ReceiptHandle(parsing: header.extraInfo)
        } catch {
            throw .badHandle(error)
        }
        let changed: ChangedHandle
        if let lite, let liteTopic = header.liteTopic, !liteTopic.isEmpty {
            changed = try lite.changeInvisible(
                lite.receipt(
                    group: header.consumerGroup, topic: header.topic, liteTopic: liteTopic, queueID: header.queueId,
                    offset: header.offset, popMillis: handle.popTimeMillis),
                invisibleMillis: header.invisibleMillis, isSuspended: header.suspend ?? false)
        } else {
            changed = try delivery.changeInvisible(
                AckRequest(
                    group: header.consumerGroup, topic: header.topic, queueID: header.queueId, offset: header.offset,
                    popMillis: handle.popTimeMillis, isOrdered: handle.isOrdered),
                handleReviveQueueID: handle.reviveQueueId, invisibleMillis: header.invisibleMillis)
        }
        return ChangeInvisibleTimeResponseHeader(
            popMillis: changed.popMillis, invisibleMillis: changed.invisibleMillis,
            reviveQueueId: changed.reviveQueueID)
    }
}
