import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// SEND_REPLY_MESSAGE (324) and SEND_REPLY_MESSAGE_V2 (325): passes a reply on to the client that waits for it
    /// (PUSH_REPLY_MESSAGE_TO_CLIENT, 326), then stores it. The answer is about the passing on.
    func sendReplyMessage(
        _ request: RemotingCommand, names: SendFieldNames, from connection: RemotingServerConnection
    ) throws {
        var message = try SendRequest(request, names, bornHost: connection.remoteHost)
        message.sysFlag = message.sysFlag.withoutTransaction
        let reply = Reply(
            message: message,
            producerGroup: request.fields.optionalString("a") ?? request.fields.optionalString("producerGroup") ?? "",
            bornHost: connection.remoteAddress)
        let ticket = request.ticket
        broker.passReply(reply) { [broker] outcome in
            let common = SendAnswer.Common(
                regionID: broker.configuration.regionID, isTraceOn: broker.configuration.isTraceOn)
            switch outcome {
            case .passed(let receipt):
                connection.respond(to: ticket, code: .success, header: ReplyAnswer(common: common, receipt: receipt))
            case .refused(let error):
                connection.respond(to: ticket, code: error.code, remark: error.message, header: common)
            }
        }
    }
}

/// A reply on its way to the client that asked.
struct Reply: Sendable {
    var message: SendRequest
    var producerGroup: String
    /// The replier's address as text.
    var bornHost: String
}

/// How it went with a reply.
enum ReplyOutcome: Sendable {
    /// The client has it; where it is stored, when it is.
    case passed(SendReceipt?)
    case refused(ServiceError)
}

/// The header of the answer to a reply.
struct ReplyAnswer: RemotingHeader {
    var common: SendAnswer.Common
    /// Nil when the reply was not stored: then the answer has zeros, as with Apache's broker.
    var receipt: SendReceipt?

    init(common: SendAnswer.Common, receipt: SendReceipt?) {
        self.common = common
        self.receipt = receipt
    }

    init(fields: HeaderFields) throws(RemotingCodecError) {
        throw RemotingCodecError(.malformedHeader, "the answer to a reply is read as SendMessageResponseHeader")
    }

    func write(to writer: inout HeaderFieldWriter) {
        writer.write("msgId", receipt?.messageIDs ?? "0")
        writer.write("queueId", receipt?.queueID ?? 0)
        writer.write("queueOffset", receipt?.queueOffset ?? 0)
        common.write(to: &writer)
    }
}
