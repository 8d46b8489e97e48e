import MessageModel
import RemotingCodec
import RemotingTransport

/// POLLING_INFO (200055): tells how many requests of a group wait.
package struct PollingInfoHandler: Sendable {
    private let delivery: DeliveryService

    /// A handler over the delivery service.
    package init(delivery: DeliveryService) { self.delivery = delivery }

    /// Answers the request.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        do {
            let header = try request.header(PollingInfoRequestHeader.self)
            let count = delivery.pollingCount(
                group: header.consumerGroup, topic: header.topic, queueID: header.queueId)
            connection.respond(
                to: request, code: .success, header: PollingInfoResponseHeader(pollingCount: Int32(clamping: count)))
        } catch {
            connection.respond(to: request, error: .badRequest(error))
        }
    }
}
