import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Reads the answer to POP_MESSAGE: the records, and from the header's texts what acks each of them.
enum PopAnswerReader {
    static func read(
        _ result: Result<RemotingCommand, RemotingError>, brokerName: String, isOrdered: Bool
    ) -> Result<PopAnswer, ProxyError> {
        switch result {
        case .failure(let error): return .failure(BackendErrors.error(error))
        case .success(let answer):
            let code = ResponseCode(rawValue: answer.code)
            switch code {
            case .success: return found(answer, brokerName, isOrdered)
            case .pollingFull: return .success(PopAnswer(outcome: .pollingFull))
            case .pollingTimeout, .pullNotFound: return .success(PopAnswer(outcome: .empty))
            default:
                let status = StatusMapping.status(for: code, remark: answer.remark)
                return .failure(ProxyError(status.code, status.message))
            }
        }
    }

    private static func found(
        _ answer: RemotingCommand, _ brokerName: String, _ isOrdered: Bool
    ) -> Result<PopAnswer, ProxyError> {
        do throws(RemotingCodecError) {
            let header = try PopMessageResponseHeader(fields: answer.fields)
            let info = try PopInfo(
                startOffsetInfo: header.startOffsetInfo, messageOffsetInfo: header.messageOffsetInfo,
                orderCountInfo: header.orderCountInfo)
            var context = Context(header: header, info: info, isOrdered: isOrdered)
            let messages = answer.body.withUnsafeReadableBytes { bytes in context.messages(bytes) }
            return found(messages, answer.body, brokerName, invisibleMillis: header.invisibleMillis)
        } catch {
            return .failure(unreadable(error))
        }
    }

    /// The answer with the messages that `body` holds; `nil` is for records that are none.
    static func found(
        _ messages: [PoppedMessage]?, _ body: ByteBuffer, _ brokerName: String, invisibleMillis: Int64
    ) -> Result<PopAnswer, ProxyError> {
        guard let messages else {
            return .failure(ProxyError(.internalServerError, "the broker answered with malformed records"))
        }
        return .success(
            PopAnswer(
                outcome: messages.isEmpty ? .empty : .found, bytes: body, messages: messages,
                brokerName: brokerName, invisibleMillis: invisibleMillis))
    }

    /// Why an answer with a wrong header is none.
    static func unreadable(_ error: RemotingCodecError) -> ProxyError {
        ProxyError(.internalServerError, "the broker's answer cannot be read: \(error.message)")
    }

    /// Counts the messages of each queue while they are read: the n-th one has the n-th offset of the header's text.
    private struct Context {
        let header: PopMessageResponseHeader
        let info: PopInfo
        let isOrdered: Bool
        private var counts: [(kind: PopTopicKind, queueId: Int32, count: Int, firstOffset: Int64)] = []

        init(header: PopMessageResponseHeader, info: PopInfo, isOrdered: Bool) {
            self.header = header
            self.info = info
            self.isOrdered = isOrdered
        }

        mutating func messages(_ bytes: UnsafeRawBufferPointer) -> [PoppedMessage]? {
            var messages: [PoppedMessage] = []
            var index = 0
            while index < bytes.count {
                guard let record = PoppedMessage.read(bytes, from: index) else { return nil }
                messages.append(complete(record.message, record.topicKind))
                index += record.byteCount
            }
            return messages
        }

        private mutating func complete(_ record: PoppedMessage, _ kind: PopTopicKind) -> PoppedMessage {
            var message = record
            let place = place(kind, record)
            let offset =
                info.messageOffset(kind, queueId: record.queueId, index: counts[place].count) ?? record.queueOffset
            counts[place].count += 1
            let start = info.startOffset(kind, queueId: record.queueId) ?? counts[place].firstOffset
            message.checkpoint = PoppedMessage.Checkpoint(
                startOffset: start, popMillis: header.popMillis, invisibleMillis: header.invisibleMillis,
                reviveQueueId: header.reviveQueueId, topicKind: kind, queueOffset: offset)
            if isOrdered, let count = info.orderCount(kind, queueId: record.queueId, offset: offset) {
                message.reconsumeTimes = count
            }
            return message
        }

        private mutating func place(_ kind: PopTopicKind, _ record: PoppedMessage) -> Int {
            if let place = counts.firstIndex(where: { $0.kind == kind && $0.queueId == record.queueId }) {
                return place
            }
            counts.append((kind, record.queueId, 0, record.queueOffset))
            return counts.count - 1
        }
    }
}
