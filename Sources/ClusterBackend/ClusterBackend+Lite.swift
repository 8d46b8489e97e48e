import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Lite topics at brokers in other processes.
extension ClusterBackend {
    /// POP_LITE_MESSAGE.
    package func popLite(_ request: LitePopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void) {
        guard let address = request.broker.masterAddress ?? request.broker.readAddress else {
            return completion(.failure(Self.noMaster(request.broker)))
        }
        let header = PopLiteMessageRequestHeader(
            clientId: request.clientID, consumerGroup: request.group, topic: request.topic,
            maxMessageCount: request.countMax, invisibleMillis: request.invisibleMillis,
            // Without a born time a broker of ours takes its own clock; Apache's counts from it, so it gets ours.
            pollMillis: request.pollMillis, bornMillis: ProxyClock.system.wallMillis(),
            attemptId: request.attemptID ?? "")
        client.call(
            address, code: .popLiteMessage, header: header, timeoutMillis: request.pollMillis + Self.popGraceMillis
        ) { result in
            completion(LitePopAnswer.read(result, brokerName: request.broker.name))
        }
    }

    /// LITE_SUBSCRIPTION_CTL.
    package func syncLite(
        _ change: LiteSubscriptionChange, at broker: BrokerTarget, completion: @escaping (ProxyError?) -> Void
    ) {
        guard let address = broker.masterAddress else { return completion(Self.noMaster(broker)) }
        let body = LiteSubscriptionBody(entries: [
            LiteSubscriptionBody.Entry(
                action: change.action, clientId: change.clientID, group: change.group, topic: change.topic,
                liteTopics: change.liteTopics, start: change.start)
        ])
        client.call(
            address, code: .liteSubscriptionCtl, header: EmptyHeader(), body: body.encode(.standard),
            timeoutMillis: timeoutMillis
        ) { result in
            switch result {
            case .failure(let error): completion(BackendErrors.error(error))
            case .success(let answer):
                completion(LitePopAnswer.failure(answer, of: .liteSubscriptionCtl, brokerName: broker.name))
            }
        }
    }

    /// NOTIFY_UNSUBSCRIBE_LITE comes on the connection that spoke for the client.
    package func setOnLiteLoss(_ onLoss: @escaping @Sendable (LiteLoss) -> Void) {
        client.onServerRequest = { request, peer in
            guard request.requestCode == .notifyUnsubscribeLite,
                let header = try? NotifyUnsubscribeLiteRequestHeader(fields: request.fields)
            else {
                return peer.refuse(request)
            }
            onLoss(LiteLoss(clientID: header.clientId, liteTopic: header.liteTopic))
            peer.respond(to: request.ticket, code: .success, remark: nil, header: EmptyHeader())
        }
    }
}

/// Reads the answer to POP_LITE_MESSAGE. A message's place in its lite topic is in its own properties.
enum LitePopAnswer {
    private static let offsetName: StaticString = "INNER_MULTI_QUEUE_OFFSET"

    static func read(
        _ result: Result<RemotingCommand, RemotingError>, brokerName: String
    ) -> Result<PopAnswer, ProxyError> {
        switch result {
        case .failure(let error): return .failure(BackendErrors.error(error))
        case .success(let answer):
            switch ResponseCode(rawValue: answer.code) {
            case .success: return found(answer, brokerName)
            case .pollingFull: return .success(PopAnswer(outcome: .pollingFull))
            case .pollingTimeout, .pullNotFound: return .success(PopAnswer(outcome: .empty))
            default:
                return .failure(
                    failure(answer, of: .popLiteMessage, brokerName: brokerName)
                        ?? ProxyError(.internalServerError, "no answer"))
            }
        }
    }

    /// Why a broker refused a request; nil when it did not.
    static func failure(
        _ answer: RemotingCommand, of request: RequestCode, brokerName: String
    ) -> ProxyError? {
        let code = ResponseCode(rawValue: answer.code)
        if code == .success { return nil }
        if code == .requestCodeNotSupported {
            return ProxyError(
                .notImplemented,
                "broker \(brokerName) does not know lite topics (request code \(request.rawValue) not supported)")
        }
        let status = StatusMapping.status(for: code, remark: answer.remark)
        return ProxyError(status.code, status.message)
    }

    private static func found(_ answer: RemotingCommand, _ brokerName: String) -> Result<PopAnswer, ProxyError> {
        do throws(RemotingCodecError) {
            let header = try PopLiteMessageResponseHeader(fields: answer.fields)
            let counts = (header.orderCountInfo ?? "").split(separator: ";").map { Int32($0) ?? 0 }
            let messages = answer.body.withUnsafeReadableBytes { bytes in records(bytes, header, counts) }
            return PopAnswerReader.found(
                messages, answer.body, brokerName, invisibleMillis: header.invisibleMillis)
        } catch {
            return .failure(PopAnswerReader.unreadable(error))
        }
    }

    private static func records(
        _ bytes: UnsafeRawBufferPointer, _ header: PopLiteMessageResponseHeader, _ counts: [Int32]
    ) -> [PoppedMessage]? {
        guard var messages = PoppedMessage.readAll(bytes) else { return nil }
        for index in messages.indices {
            if index < counts.count { messages[index].reconsumeTimes = counts[index] }
            let properties = UnsafeRawBufferPointer(rebasing: bytes[messages[index].properties])
            // A message of several light queues does not tell in which of them it was found: it has no handle.
            guard case .value(let offset)? = PropertyText.integer(offsetName, in: properties) else { continue }
            messages[index].queueId = LiteTopicName.queueID
            messages[index].queueOffset = offset
            messages[index].checkpoint = PoppedMessage.Checkpoint(
                startOffset: 0, popMillis: header.popMillis, invisibleMillis: header.invisibleMillis,
                reviveQueueId: header.reviveQueueId, topicKind: .normal, queueOffset: offset)
        }
        return messages
    }
}

extension ReceiptRequest {
    /// The lite topic for a header that leaves it out when there is none.
    var liteTopicOrNil: String? { liteTopic.isEmpty ? nil : liteTopic }
}
