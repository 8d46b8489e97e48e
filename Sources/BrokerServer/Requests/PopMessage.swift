import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// POP_MESSAGE (200050): hands out messages to a group, waiting for some when asked to.
package struct PopMessageHandler: Sendable {
    private let delivery: DeliveryService

    /// A handler over the delivery service.
    package init(delivery: DeliveryService) { self.delivery = delivery }

    /// Answers the request, now or when messages arrive.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let header: PopMessageRequestHeader
        do {
            header = try request.header(PopMessageRequestHeader.self)
        } catch {
            return connection.respond(to: request, error: .badRequest(error))
        }
        let ticket = request.ticket
        var pop = Self.request(header)
        pop.eventLoop = connection.eventLoop
        pop.isAbandoned = { connection.isGone }
        delivery.pop(pop) { [pop] outcome in
            if case .found(let batch) = outcome {
                delivery.willAnswer(batch, group: pop.group, topic: pop.topic, connectionID: connection.id) {
                    connection.isGone
                }
            }
            let answer = PopAnswer(outcome, topic: header.topic, isOrdered: header.isOrdered ?? false)
            if let answerHeader = answer.header {
                connection.respond(
                    to: ticket, code: answer.code, remark: answer.remark, header: answerHeader, body: answer.body)
            } else {
                connection.respond(to: ticket, code: answer.code, remark: answer.remark)
            }
        }
    }

    /// The typed request of a header.
    static func request(_ header: PopMessageRequestHeader) -> PopRequest {
        var request = PopRequest(group: header.consumerGroup, topic: header.topic)
        request.queueID = header.queueId
        request.maxCount = header.maxMessageCount
        request.invisibleMillis = header.invisibleMillis
        request.pollMillis = header.pollMillis
        request.bornMillis = header.bornMillis
        request.start = header.initMode == 0 ? .earliest : .latest
        request.expressionType = header.expressionType
        request.expression = header.expression
        request.isOrdered = header.isOrdered ?? false
        request.attemptID = header.attemptId
        return request
    }
}

/// What a peer gets to see of a pop's outcome.
struct PopAnswer: Sendable {
    let code: ResponseCode
    let remark: String
    let header: PopMessageResponseHeader?
    let body: ByteBuffer?

    init(_ outcome: PopOutcome, topic: String, isOrdered: Bool) {
        switch outcome {
        case .found(let batch):
            let info = PopOffsetInfo(batch.messages, kind: PopTopicKind(topic: topic), isOrdered: isOrdered)
            self.init(
                code: .success, remark: "FOUND",
                header: PopMessageResponseHeader(
                    popMillis: batch.popMillis, invisibleMillis: batch.invisibleMillis,
                    reviveQueueId: batch.reviveQueueID, restCount: batch.restCount, startOffsetInfo: info.start,
                    messageOffsetInfo: info.offsets, orderCountInfo: info.orderCounts),
                body: batch.body)
        case .timedOut(let empty):
            self.init(
                code: .pollingTimeout, remark: "NO_MESSAGE_IN_QUEUE", header: Self.header(empty, isOrdered), body: nil)
        case .pollingFull(let empty):
            self.init(code: .pollingFull, remark: "POLLING_FULL", header: Self.header(empty, isOrdered), body: nil)
        case .failed(let error):
            self.init(code: error.code, remark: error.message, header: nil, body: nil)
        }
    }

    private init(code: ResponseCode, remark: String, header: PopMessageResponseHeader?, body: ByteBuffer?) {
        self.code = code
        self.remark = remark
        self.header = header
        self.body = body
    }

    private static func header(_ empty: EmptyPop, _ isOrdered: Bool) -> PopMessageResponseHeader {
        PopMessageResponseHeader(
            popMillis: empty.popMillis, invisibleMillis: empty.invisibleMillis, reviveQueueId: empty.reviveQueueID,
            restCount: empty.restCount, startOffsetInfo: "", messageOffsetInfo: "",
            orderCountInfo: isOrdered ? "" : nil)
    }
}

/// The texts of a pop's answer that tell where its messages come from; one entry for each queue.
///
/// A client finds a message's place among those of its queue and takes the offset at that place, so offsets are in the
/// order of the body, which is ascending.
struct PopOffsetInfo: Sendable, Hashable {
    let start: String
    let offsets: String
    let orderCounts: String?

    init(_ messages: [PoppedMessage], kind: PopTopicKind, isOrdered: Bool) {
        var writer = PopInfoWriter()
        var seen: [Int32] = []
        for message in messages where !seen.contains(message.queueID) {
            let queueID = message.queueID
            seen.append(queueID)
            writer.beginQueue(kind, queueId: queueID, startOffset: message.queueOffset)
            var least = Int32.max
            for message in messages where message.queueID == queueID {
                writer.addMessage(offset: message.queueOffset)
                let count = message.attempt - 1
                least = min(least, count)
                guard isOrdered, count > 0 else { continue }
                writer.addOrderCount(kind, queueId: queueID, offset: message.queueOffset, count: count)
            }
            if isOrdered { writer.addOrderCount(kind, queueId: queueID, count: least) }
        }
        start = writer.startOffsetInfo
        offsets = writer.messageOffsetInfo
        orderCounts = isOrdered ? writer.orderCountInfo : nil
    }
}

extension ServiceError {
    /// The answer to a request that cannot be decoded; Apache's code for it.
    static func badRequest(_ error: RemotingCodecError) -> ServiceError {
        ServiceError(code: .systemError, message: error.message)
    }

    /// The answer to a receipt handle that cannot be decoded.
    static func badHandle(_ error: ModelError) -> ServiceError {
        ServiceError(code: .messageIllegal, message: error.message)
    }
}
