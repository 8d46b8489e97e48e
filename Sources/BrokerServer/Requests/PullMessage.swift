import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// PULL_MESSAGE (11) and LITE_PULL_MESSAGE (361): hands out the messages of a queue from an offset on, waiting for some
/// when asked to.
package struct PullMessageHandler: Sendable {
    private let pulls: PullService

    /// A handler over the pull service.
    package init(pulls: PullService) { self.pulls = pulls }

    /// Answers the request, now or when messages arrive.
    package func handle(_ request: RemotingCommand, isLite: Bool, from connection: RemotingServerConnection) {
        var pull: PullRequest
        do {
            pull = try PullRequest(request.fields)
        } catch {
            return connection.respond(to: request, error: .badRequest(error))
        }
        pull.isLite = isLite
        pull.eventLoop = connection.eventLoop
        pull.isAbandoned = { connection.isGone }
        let ticket = request.ticket
        pulls.pull(pull) { answer in
            guard let position = answer.position else {
                return connection.respond(
                    to: ticket, code: answer.code, remark: answer.remark,
                    header: PullRefusalHeader(forbiddenType: answer.forbidden?.rawValue))
            }
            connection.respond(
                to: ticket, code: answer.code, remark: answer.remark,
                header: PullMessageResponseHeader(
                    suggestWhichBrokerId: 0, nextBeginOffset: position.nextOffset, minOffset: position.minOffset,
                    maxOffset: position.maxOffset, topicSysFlag: position.topicSysFlag,
                    groupSysFlag: position.groupSysFlag),
                body: answer.body)
        }
    }
}

/// Bits of a pull's `sysFlag` (`consume.md` 1.1).
private enum PullFlag {
    static let commitOffset: Int32 = 1
    static let suspend: Int32 = 2
    static let subscription: Int32 = 4
}

extension PullRequest {
    /// Reads the fields that matter; clients of 4.x leave some of them out.
    init(_ fields: HeaderFields) throws(RemotingCodecError) {
        self.init(
            group: try fields.string("consumerGroup"), topic: try fields.string("topic"),
            queueID: try fields.int32("queueId"), offset: try fields.int64("queueOffset"))
        maxCount = try fields.int32("maxMsgNums")
        maxBytes = try fields.optionalInt32("maxMsgBytes")
        let flags = try fields.int32("sysFlag")
        let committed = try fields.int64("commitOffset")
        if flags & PullFlag.commitOffset != 0 { commitOffset = committed }
        let suspendMillis = try fields.int64("suspendTimeoutMillis")
        if flags & PullFlag.suspend != 0 { self.suspendMillis = suspendMillis }
        let version = try fields.int64("subVersion")
        subscription =
            flags & PullFlag.subscription != 0
            ? .inline(
                type: fields.optionalString("expressionType"), expression: fields.optionalString("subscription"))
            : .heartbeat(version: version)
    }
}

/// The header of a refused pull.
private struct PullRefusalHeader: RemotingHeader {
    var forbiddenType: Int32?

    init(forbiddenType: Int32?) {
        self.forbiddenType = forbiddenType
    }

    init(fields: HeaderFields) throws(RemotingCodecError) {
        forbiddenType = try fields.optionalInt32("forbiddenType")
    }

    func write(to writer: inout HeaderFieldWriter) {
        writer.write("forbiddenType", forbiddenType)
    }
}
