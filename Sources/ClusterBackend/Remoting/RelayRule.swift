import MessageModel
import RemotingCodec

/// What the proxy does with a request of a legacy client.
enum RelayRule: Equatable {
    /// Answered with the name server's route, its addresses replaced by the proxy's.
    case route
    /// Sent to every broker, for each keeps its own list of clients.
    case everyBroker
    /// Sent to any broker: all know the same.
    case anyBroker
    /// Taken apart by broker and put together again.
    case locks
    /// Sent to the broker that the request names; the time the broker may take, in milliseconds.
    case broker(timeoutMillis: Int64)
    /// Not for a proxy.
    case unsupported

    /// Time for a request that waits for nothing.
    static let timeoutMillis: Int64 = 3_000
    /// What a long poll may take beyond its own time.
    private static let pollGraceMillis: Int64 = 10_000
    /// No poll waits longer.
    private static let pollMillisMax: Int64 = 300_000

    init(_ request: RemotingCommand) {
        switch request.requestCode {
        case .getRouteinfoByTopic: self = .route
        case .heartBeat, .unregisterClient: self = .everyBroker
        case .getConsumerListByGroup, .getConsumerConnectionList, .checkClientConfig: self = .anyBroker
        case .lockBatchMq, .unlockBatchMq: self = .locks
        case .pullMessage, .litePullMessage:
            self = .broker(timeoutMillis: Self.pollTime(request, "suspendTimeoutMillis"))
        case .popMessage, .notification: self = .broker(timeoutMillis: Self.pollTime(request, "pollTime"))
        case .sendMessage, .sendMessageV2, .sendBatchMessage, .consumerSendMsgBack, .endTransaction, .recallMessage,
            .ackMessage, .batchAckMessage, .changeMessageInvisibletime, .updateConsumerOffset, .queryConsumerOffset,
            .getMaxOffset, .getMinOffset, .searchOffsetByTimestamp, .queryAssignment:
            self = .broker(timeoutMillis: Self.timeoutMillis)
        default: self = .unsupported
        }
    }

    private static func pollTime(_ request: RemotingCommand, _ name: StaticString) -> Int64 {
        let wanted = (try? request.fields.optionalInt64(name)) ?? 0
        return max(0, min(wanted, pollMillisMax)) + pollGraceMillis
    }

    /// The broker that a request names: in `bname`, in `n` of the short send headers, in a receipt handle, or in the body
    /// of a batch acknowledgement. Nil when it names none, as clients before 5.0 do.
    static func brokerName(_ request: RemotingCommand) -> String? {
        if let name = request.fields.optionalString("bname"), !name.isEmpty { return name }
        switch request.requestCode {
        case .sendMessageV2, .sendBatchMessage: return request.fields.optionalString("n").flatMap(nonEmpty)
        case .ackMessage, .changeMessageInvisibletime:
            return request.fields.optionalString("extraInfo").flatMap { try? ReceiptHandle(parsing: $0).brokerName }
        case .batchAckMessage: return (try? BatchAckBody(decoding: request.body))?.brokerName
        default: return nil
        }
    }

    /// The topic that a request is about, if it says so.
    static func topic(_ request: RemotingCommand) -> String? {
        switch request.requestCode {
        case .sendMessageV2, .sendBatchMessage: request.fields.optionalString("b").flatMap(nonEmpty)
        default: request.fields.optionalString("topic").flatMap(nonEmpty)
        }
    }

    private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }
}

/// The fields of a received frame, sent on as they came.
struct RelayedHeader: RemotingHeader {
    private let fields: HeaderFields

    init(fields: HeaderFields) { self.fields = fields }

    func write(to writer: inout HeaderFieldWriter) { writer.write(fields) }
}

/// The body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ, taken apart by broker.
struct LockBodies {
    /// The body for each broker.
    private(set) var bodies: [String: JSONObject] = [:]

    /// Nil when the bytes are no such body.
    init?(_ body: JSONValue) {
        guard let members = body.members, let queues = members["mqSet"]?.elements else { return nil }
        var byBroker: [String: [JSONValue]] = [:]
        for queue in queues {
            guard let name = queue.members?["brokerName"]?.text else { return nil }
            byBroker[name, default: []].append(queue)
        }
        for (name, queues) in byBroker {
            var part = members
            part["mqSet"] = .array(queues)
            bodies[name] = part
        }
    }

    /// The answer of LOCK_BATCH_MQ, of the brokers' answers.
    static func merged(_ answers: [JSONValue]) -> JSONValue {
        let locked = answers.flatMap { $0.members?["lockOKMQSet"]?.elements ?? [] }
        return .object(["lockOKMQSet": .array(locked)])
    }
}
