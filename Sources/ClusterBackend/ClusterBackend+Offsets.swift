import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Reading by offset, and the offsets themselves, at a broker elsewhere.
extension ClusterBackend {
    /// PULL_MESSAGE with the filter in the request, so that the group need not be registered there.
    package func pull(_ request: PullRequest, completion: @escaping (Result<PullAnswer, ProxyError>) -> Void) {
        guard let address = request.queue.broker.readAddress else {
            return completion(.failure(Self.noMaster(request.queue.broker)))
        }
        var sysFlag = PullSysFlag.hasSubscription
        if request.pollMillis > 0 { sysFlag |= PullSysFlag.mayWait }
        let header = PullMessageRequestHeader(
            consumerGroup: request.group, topic: request.queue.topic, queueId: request.queue.queueId,
            queueOffset: request.offset, maxMessageCount: request.countMax, sysFlag: sysFlag, commitOffset: 0,
            suspendTimeoutMillis: request.pollMillis, subscription: request.expression, subVersion: 0,
            expressionType: request.isSQL ? "SQL92" : "TAG")
        client.call(
            address, code: .pullMessage, header: header, timeoutMillis: request.pollMillis + timeoutMillis
        ) { result in
            completion(Self.pulled(result, offset: request.offset))
        }
    }

    private static func pulled(
        _ result: Result<RemotingCommand, RemotingError>, offset: Int64
    ) -> Result<PullAnswer, ProxyError> {
        switch result {
        case .failure(let error): return .failure(BackendErrors.error(error))
        case .success(let answer):
            let code = ResponseCode(rawValue: answer.code)
            let next = (try? answer.fields.optionalInt64("nextBeginOffset")) ?? offset
            switch code {
            case .success:
                guard let messages = answer.body.withUnsafeReadableBytes(PoppedMessage.readAll) else {
                    return .failure(ProxyError(.internalServerError, "the broker answered with malformed records"))
                }
                return .success(PullAnswer(outcome: .found, bytes: answer.body, messages: messages, nextOffset: next))
            case .pullNotFound, .pullRetryImmediately: return .success(PullAnswer(outcome: .empty, nextOffset: next))
            case .pullOffsetMoved: return .success(PullAnswer(outcome: .offsetOutOfRange, nextOffset: next))
            default:
                let status = StatusMapping.status(for: code, remark: answer.remark)
                return .failure(ProxyError(status.code, status.message))
            }
        }
    }

    /// UPDATE_CONSUMER_OFFSET.
    package func updateOffset(
        _ queue: QueueReference, group: String, offset: Int64, completion: @escaping (ProxyError?) -> Void
    ) {
        guard let address = queue.broker.masterAddress else { return completion(Self.noMaster(queue.broker)) }
        let header = UpdateConsumerOffsetRequestHeader(
            consumerGroup: group, topic: queue.topic, queueId: queue.queueId, commitOffset: offset)
        client.call(address, code: .updateConsumerOffset, header: header, timeoutMillis: timeoutMillis) { result in
            switch Self.answered(result) {
            case .success: completion(nil)
            case .failure(let error): completion(error)
            }
        }
    }

    /// QUERY_CONSUMER_OFFSET.
    package func committedOffset(
        _ queue: QueueReference, group: String, completion: @escaping (Result<Int64?, ProxyError>) -> Void
    ) {
        guard let address = queue.broker.masterAddress ?? queue.broker.readAddress else {
            return completion(.failure(Self.noMaster(queue.broker)))
        }
        let header = QueryConsumerOffsetRequestHeader(
            consumerGroup: group, topic: queue.topic, queueId: queue.queueId, setZeroIfNotFound: false)
        client.call(address, code: .queryConsumerOffset, header: header, timeoutMillis: timeoutMillis) { result in
            if case .success(let answer) = result, answer.code == ResponseCode.queryNotFound.rawValue {
                return completion(.success(nil))
            }
            completion(Self.answered(result).flatMap { answer in Self.offset(answer).map { $0 } })
        }
    }

    /// GET_MIN_OFFSET, GET_MAX_OFFSET or SEARCH_OFFSET_BY_TIMESTAMP.
    package func queueOffset(
        _ queue: QueueReference, at place: QueuePlace, completion: @escaping (Result<Int64, ProxyError>) -> Void
    ) {
        guard let address = queue.broker.masterAddress ?? queue.broker.readAddress else {
            return completion(.failure(Self.noMaster(queue.broker)))
        }
        let finish: RemotingClient.Completion = { result in
            completion(Self.answered(result).flatMap { Self.offset($0) })
        }
        switch place {
        case .beginning:
            client.call(
                address, code: .getMinOffset,
                header: GetMinOffsetRequestHeader(topic: queue.topic, queueId: queue.queueId),
                timeoutMillis: timeoutMillis, completion: finish)
        case .end:
            client.call(
                address, code: .getMaxOffset,
                header: GetMaxOffsetRequestHeader(topic: queue.topic, queueId: queue.queueId),
                timeoutMillis: timeoutMillis, completion: finish)
        case .atOrAfter(let millis):
            client.call(
                address, code: .searchOffsetByTimestamp,
                header: SearchOffsetByTimestampRequestHeader(
                    topic: queue.topic, queueId: queue.queueId, timestampMillis: millis),
                timeoutMillis: timeoutMillis, completion: finish)
        }
    }

    private static func answered(
        _ result: Result<RemotingCommand, RemotingError>
    ) -> Result<RemotingCommand, ProxyError> {
        switch result {
        case .failure(let error): return .failure(BackendErrors.error(error))
        case .success(let answer):
            let code = ResponseCode(rawValue: answer.code)
            guard code != .success else { return .success(answer) }
            let status = StatusMapping.status(for: code, remark: answer.remark)
            return .failure(ProxyError(status.code, status.message))
        }
    }

    private static func offset(_ answer: RemotingCommand) -> Result<Int64, ProxyError> {
        guard let offset = try? answer.fields.optionalInt64("offset") else {
            return .failure(ProxyError(.internalServerError, "the broker's answer has no offset"))
        }
        return .success(offset)
    }
}

/// Bits of a pull's sysFlag.
private enum PullSysFlag {
    static let mayWait: Int32 = 1 << 1
    static let hasSubscription: Int32 = 1 << 2
}
