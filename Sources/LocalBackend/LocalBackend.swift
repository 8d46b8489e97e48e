import BrokerServer
import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer
import StorageEngine

/// Calls a broker in this process: no socket, no frames, the same rules.
///
/// What the broker completes on other threads comes back to the loop of this backend.
package final class LocalBackend: Backend {
    let broker: Broker
    let eventLoop: any EventLoop
    private let bornHost: SocketHost
    /// How the broker tells clients of lite topics what they lose.
    var liteChannel: LiteChannel?

    /// A backend of one loop.
    package init(broker: Broker, eventLoop: any EventLoop) {
        self.broker = broker
        self.eventLoop = eventLoop
        // The client's address is in the message's properties.
        bornHost = SocketHost(bytes: [127, 0, 0, 1], port: 0)
    }

    /// Runs `body` on the loop, at once when that is where we are.
    static func onLoop(_ eventLoop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
        if eventLoop.inEventLoop {
            body()
        } else {
            eventLoop.execute(body)
        }
    }

    // MARK: Send

    /// Appends to the store.
    package func send(
        _ request: ProxyServer.SendRequest,
        completion: @escaping (Result<ProxyServer.SendReceipt, ProxyError>) -> Void
    ) {
        var send = BrokerServer.SendRequest(
            topic: request.topic.name, bornTimestampMillis: request.bornMillis, bornHost: bornHost,
            body: ByteBuffer(bytes: request.body))
        send.queueID = request.queue.queueId
        send.sysFlag = request.sysFlag
        send.properties = ByteBuffer(bytes: request.properties)
        send.isBatch = request.isBatch
        let halfBroker = request.sysFlag.transactionKind == .prepared ? request.queue.broker.name : nil
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        broker.send(send) { [eventLoop] outcome in
            Self.onLoop(eventLoop) { bound.value(Self.receipt(outcome, halfBroker: halfBroker)) }
        }
    }

    private static func receipt(
        _ outcome: SendOutcome, halfBroker: String?
    ) -> Result<ProxyServer.SendReceipt, ProxyError> {
        switch outcome {
        case .stored(let receipt):
            guard let halfBroker, case .one(let logOffset) = receipt.logOffsets else {
                return .success(
                    ProxyServer.SendReceipt(
                        status: .ok, queueOffset: receipt.queueOffset, recallHandle: receipt.recallHandle ?? ""))
            }
            return .success(
                ProxyServer.SendReceipt(
                    status: .ok, queueOffset: receipt.queueOffset,
                    transactionID: TransactionID(
                        brokerName: halfBroker, queueOffset: receipt.queueOffset, logOffset: logOffset,
                        isOfCheck: false)))
        case .unconfirmed(_, let error), .refused(let error): return .failure(Self.error(error))
        }
    }

    static func error(_ error: ServiceError) -> ProxyError {
        let status = StatusMapping.status(for: error.code, remark: error.message)
        return ProxyError(status.code, status.message)
    }

    // MARK: Transactions

    /// Ends a transaction of the broker in this process.
    package func endTransaction(_ request: EndTransactionRequest, completion: @escaping (ProxyError?) -> Void) {
        let end = EndTransaction(
            request.isCommit ? .commit : .rollback, producerGroup: request.topic, queueOffset: request.id.queueOffset,
            logOffset: request.id.logOffset, isAnswerToCheck: request.isAnswerToCheck)
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        broker.transactions.end(end) { [eventLoop] result in
            Self.onLoop(eventLoop) {
                switch result {
                case .success: bound.value(nil)
                case .failure(let error): bound.value(EndTransactionRequest.error(error.code, error.message))
                }
            }
        }
    }

    // MARK: Receipts

    private func handle(_ request: ReceiptRequest) -> AckRequest {
        AckRequest(
            group: request.group, topic: request.storedTopic, queueID: request.handle.queueId,
            offset: request.handle.queueOffset, popMillis: request.handle.popTimeMillis,
            isOrdered: request.handle.reviveQueueId == ReceiptHandle.orderedReviveQueueId)
    }

    /// A handle that the broker cannot use gets the one code after which clients stop trying.
    static func receiptError(_ error: ServiceError) -> ProxyError {
        switch error.code {
        case .noMessage, .messageIllegal, .topicNotExist: ProxyError(.invalidReceiptHandle, error.message)
        default: Self.error(error)
        }
    }

    /// Marks a delivery as done.
    package func acknowledge(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) {
        do throws(ServiceError) {
            if request.liteTopic.isEmpty {
                try broker.delivery.ack(handle(request))
            } else {
                try broker.lite.ack(liteHandle(request))
            }
            completion(nil)
        } catch {
            completion(Self.receiptError(error))
        }
    }

    /// Sets when a delivery ends.
    package func changeInvisible(
        _ request: ReceiptRequest, invisibleMillis: Int64, completion: @escaping (Result<String, ProxyError>) -> Void
    ) {
        let old = request.handle
        do throws(ServiceError) {
            let changed =
                try request.liteTopic.isEmpty
                ? broker.delivery.changeInvisible(
                    handle(request), handleReviveQueueID: old.reviveQueueId, invisibleMillis: invisibleMillis)
                : broker.lite.changeInvisible(
                    liteHandle(request), invisibleMillis: invisibleMillis, isSuspended: request.isSuspended)
            let fresh = ReceiptHandle(
                startOffset: old.queueOffset, popTimeMillis: changed.popMillis,
                invisibleMillis: changed.invisibleMillis, reviveQueueId: changed.reviveQueueID,
                topicKind: old.topicKind, brokerName: old.brokerName, queueId: old.queueId,
                queueOffset: old.queueOffset, commitLogOffset: old.commitLogOffset)
            completion(.success(fresh.text))
        } catch {
            completion(.failure(Self.receiptError(error)))
        }
    }

    /// Moves a delivery to the dead-letter topic.
    package func deadLetter(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) {
        if !request.liteTopic.isEmpty { return deadLetterLite(request, completion: completion) }
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        broker.delivery.deadLetter(handle(request)) { [eventLoop] error in
            Self.onLoop(eventLoop) { bound.value(error.map(Self.receiptError)) }
        }
    }

    // MARK: Pop

    /// Takes messages, or waits for some.
    package func pop(
        _ request: ProxyServer.PopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void
    ) {
        var pop = BrokerServer.PopRequest(group: request.group, topic: request.topic.name)
        pop.maxCount = request.countMax
        pop.invisibleMillis = request.invisibleMillis
        pop.pollMillis = request.pollMillis
        pop.expressionType = request.isSQL ? "SQL92" : "TAG"
        pop.expression = request.expression
        pop.isOrdered = request.isOrdered
        pop.attemptID = request.attemptID
        pop.eventLoop = eventLoop
        let abandoned = NIOLoopBound(request.isAbandoned, eventLoop: eventLoop)
        pop.isAbandoned = { abandoned.value() }
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        let kind = PopTopicKind(topic: request.topic.name)
        let brokerName = request.broker.name
        broker.delivery.pop(pop) { [eventLoop] outcome in
            Self.onLoop(eventLoop) { bound.value(Self.answer(outcome, kind, brokerName)) }
        }
    }

    static func answer(
        _ outcome: PopOutcome, _ kind: PopTopicKind, _ brokerName: String
    ) -> Result<PopAnswer, ProxyError> {
        switch outcome {
        case .failed(let error): return .failure(Self.error(error))
        case .timedOut: return .success(PopAnswer(outcome: .empty))
        case .pollingFull: return .success(PopAnswer(outcome: .pollingFull))
        case .found(let batch):
            let messages = batch.body.withUnsafeReadableBytes { bytes in
                batch.messages.compactMap { popped -> ProxyServer.PoppedMessage? in
                    guard let record = ProxyServer.PoppedMessage.read(bytes, from: popped.range.lowerBound) else {
                        return nil
                    }
                    var message = record.message
                    message.reconsumeTimes = popped.attempt - 1
                    message.queueId = popped.queueID
                    message.queueOffset = popped.queueOffset
                    message.checkpoint = .init(
                        startOffset: popped.queueOffset, popMillis: batch.popMillis,
                        invisibleMillis: batch.invisibleMillis, reviveQueueId: batch.reviveQueueID, topicKind: kind,
                        queueOffset: popped.queueOffset)
                    return message
                }
            }
            return .success(
                PopAnswer(
                    outcome: messages.isEmpty ? .empty : .found, bytes: batch.body, messages: messages,
                    brokerName: brokerName, invisibleMillis: batch.invisibleMillis))
        }
    }
}
