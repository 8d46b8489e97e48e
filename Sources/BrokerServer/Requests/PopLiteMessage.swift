import MessageModel
import RemotingCodec
import RemotingTransport

/// POP_LITE_MESSAGE (200070): hands out messages of the lite topics that a client subscribes to, waiting for some when
/// asked to.
package struct PopLiteMessageHandler: Sendable {
    private let lite: LiteService

    /// A handler over the service of lite topics.
    package init(lite: LiteService) { self.lite = lite }

    /// Answers the request, now or when messages arrive.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let header: PopLiteMessageRequestHeader
        do {
            header = try request.header(PopLiteMessageRequestHeader.self)
        } catch {
            return connection.respond(to: request, error: .badRequest(error))
        }
        let ticket = request.ticket
        var pop = LitePopRequest(group: header.consumerGroup, clientID: header.clientId, topic: header.topic)
        pop.maxCount = header.maxMessageCount
        pop.invisibleMillis = header.invisibleMillis
        pop.pollMillis = header.pollMillis
        pop.bornMillis = header.bornMillis
        pop.attemptID = header.attemptId
        pop.eventLoop = connection.eventLoop
        pop.isAbandoned = { connection.isGone }
        lite.pop(pop) { [pop] outcome in
            switch outcome {
            case .found(let batch):
                lite.willAnswer(batch, to: pop, connectionID: connection.id) { connection.isGone }
                connection.respond(
                    to: ticket, code: .success, remark: "FOUND", header: Self.header(batch), body: batch.body)
            case .timedOut(let empty):
                connection.respond(
                    to: ticket, code: .pollingTimeout, remark: "NO_MESSAGE_IN_QUEUE", header: Self.header(empty))
            case .pollingFull(let empty):
                connection.respond(
                    to: ticket, code: .pollingFull, remark: "POLLING_FULL", header: Self.header(empty))
            case .failed(let error):
                connection.respond(to: ticket, code: error.code, remark: error.message)
            }
        }
    }

    private static func header(_ batch: PopBatch) -> PopLiteMessageResponseHeader {
        PopLiteMessageResponseHeader(
            popMillis: batch.popMillis, invisibleMillis: batch.invisibleMillis, reviveQueueId: batch.reviveQueueID,
            orderCountInfo: batch.messages.map { String($0.attempt - 1) }.joined(separator: ";"))
    }

    private static func header(_ empty: EmptyPop) -> PopLiteMessageResponseHeader {
        PopLiteMessageResponseHeader(
            popMillis: empty.popMillis, invisibleMillis: empty.invisibleMillis, reviveQueueId: empty.reviveQueueID)
    }
}
