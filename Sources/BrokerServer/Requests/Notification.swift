import MessageModel
import RemotingCodec
import RemotingTransport

/// NOTIFICATION (200054): tells whether a pop would find something, waiting when asked to.
package struct NotificationHandler: Sendable {
    private let delivery: DeliveryService
    private let lite: LiteService

    /// A handler over the services of deliveries and of lite topics.
    package init(delivery: DeliveryService, lite: LiteService) {
        self.delivery = delivery
        self.lite = lite
    }

    /// Answers the request, now or when messages arrive.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let header: NotificationRequestHeader
        do {
            header = try request.header(NotificationRequestHeader.self)
        } catch {
            return connection.respond(to: request, error: .badRequest(error))
        }
        let ticket = request.ticket
        let answer: @Sendable (NotificationOutcome) -> Void = { Self.respond($0, to: ticket, connection) }
        if header.isLiteConsumer == true { return askLite(header, answer) }
        var question = PopRequest(group: header.consumerGroup, topic: header.topic)
        question.queueID = header.queueId
        question.pollMillis = header.pollMillis
        question.bornMillis = header.bornMillis
        question.isOrdered = header.isOrdered ?? false
        question.attemptID = header.attemptId
        delivery.notification(question, completion: answer)
    }

    /// Of all lite topics that a client subscribes to, whatever queue the request names.
    private func askLite(
        _ header: NotificationRequestHeader, _ answer: @escaping @Sendable (NotificationOutcome) -> Void
    ) {
        guard let clientID = header.clientId, !clientID.isEmpty else {
            return answer(
                .failed(ServiceError(code: .invalidParameter, message: "a lite consumer must name itself: clientId")))
        }
        var question = LitePopRequest(group: header.consumerGroup, clientID: clientID, topic: header.topic)
        question.pollMillis = header.pollMillis
        question.bornMillis = header.bornMillis
        lite.notification(question, completion: answer)
    }

    private static func respond(
        _ outcome: NotificationOutcome, to ticket: RequestTicket, _ connection: RemotingServerConnection
    ) {
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
