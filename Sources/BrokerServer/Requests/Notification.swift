import MessageModel
import RemotingCodec
import RemotingTransport

/// NOTIFICATION (200054): tells whether a pop would find something, waiting when asked to.
package struct NotificationHandler: Sendable {
    private let delivery: DeliveryService

    /// A handler over the delivery service.
    package init(delivery: DeliveryService) { self.delivery = delivery }

    /// Answers the request, now or when messages arrive.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let header: NotificationRequestHeader
        do {
            header = try request.header(NotificationRequestHeader.self)
        } catch {
            return connection.respond(to: request, error: .badRequest(error))
        }
        let ticket = request.ticket
        var question = PopRequest(group: header.consumerGroup, topic: header.topic)
        question.queueID = header.queueId
        question.pollMillis = header.pollMillis
        question.bornMillis = header.bornMillis
        question.isOrdered = header.isOrdered ?? false
        question.attemptID = header.attemptId
        delivery.notification(question) { outcome in
            switch outcome {
            case .answered(let hasMessage):
                connection.respond(
                    to: ticket, code: .success, header: NotificationResponseHeader(hasMessage: hasMessage))
            case .pollingFull:
                connection.respond(
                    to: ticket, code: .success,
                    header: NotificationResponseHeader(hasMessage: false, isPollingFull: true))
            case .failed(let error):
                connection.respond(to: ticket, code: error.code, remark: error.message)
            }
        }
    }
}
