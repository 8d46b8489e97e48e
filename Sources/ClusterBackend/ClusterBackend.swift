import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Calls brokers in other processes from one event loop, over that loop's own connections.
package final class ClusterBackend: Backend {
    let client: RemotingClient
    let timeoutMillis: Int64
    /// How much longer than its poll a pop may take.
    static let popGraceMillis: Int64 = 3_000

    /// A backend over a client of the same loop.
    package init(client: RemotingClient, timeoutMillis: Int64) {
        self.client = client
        self.timeoutMillis = timeoutMillis
    }

    // MARK: Send

    /// SEND_MESSAGE_V2, or SEND_BATCH_MESSAGE for several messages.
    package func send(
        _ request: SendRequest, completion: @escaping (Result<SendReceipt, ProxyError>) -> Void
    ) {
        guard let address = request.queue.broker.masterAddress else {
            return completion(.failure(Self.noMaster(request.queue.broker)))
        }
        let halfBroker = request.sysFlag.transactionKind == .prepared ? request.queue.broker.name : nil
        client.call(
            address, code: request.isBatch ? .sendBatchMessage : .sendMessageV2, timeoutMillis: timeoutMillis,
            fields: { Self.write(request, to: &$0) }, body: { $0.writeBytes(request.body) }
        ) { result in
            completion(Self.receipt(result, halfBroker: halfBroker))
        }
    }

    private static func write(_ request: SendRequest, to writer: inout HeaderFieldWriter) {
        // The producer group of every v5 producer is its topic.
        writer.write("a", request.topic.name)
        writer.write("b", request.topic.name)
        writer.write("c", NameRules.autoCreateTopic)
        writer.write("d", 4 as Int32)
        writer.write("e", request.queue.queueId)
        writer.write("f", request.sysFlag.rawValue)
        writer.write("g", request.bornMillis)
        writer.write("h", 0 as Int32)
        writer.write("i", utf8: request.properties)
        writer.write("j", 0 as Int32)
        writer.write("k", false)
        writer.write("m", request.isBatch)
        writer.write("n", request.queue.broker.name)
    }

    private static func receipt(
        _ result: Result<RemotingCommand, RemotingError>, halfBroker: String?
    ) -> Result<SendReceipt, ProxyError> {
        switch result {
        case .failure(let error): return .failure(BackendErrors.error(error))
        case .success(let answer):
            let status = StatusMapping.status(for: ResponseCode(rawValue: answer.code), remark: answer.remark)
            switch status.code {
            case .ok, .masterPersistenceTimeout, .slavePersistenceTimeout, .haNotAvailable:
                let offset = (try? answer.fields.optionalInt64("queueOffset")) ?? 0
                return .success(
                    SendReceipt(
                        status: status, queueOffset: offset,
                        recallHandle: answer.fields.optionalString("recallHandle") ?? "",
                        transactionID: halfBroker.map { transactionID(answer, $0, offset) }))
            default: return .failure(ProxyError(status.code, status.message))
            }
        }
    }

    /// The half message's log offset is in the broker's message id.
    private static func transactionID(
        _ answer: RemotingCommand, _ brokerName: String, _ queueOffset: Int64
    ) -> TransactionID {
        let id = answer.fields.optionalString("msgId").flatMap { try? OffsetMessageId(parsing: $0) }
        return TransactionID(
            brokerName: brokerName, queueOffset: queueOffset, logOffset: id?.logOffset ?? 0, isOfCheck: false)
    }

    // MARK: Transactions

    /// END_TRANSACTION, with an answer: Apache's brokers give one too when they are asked for it.
    package func endTransaction(_ request: EndTransactionRequest, completion: @escaping (ProxyError?) -> Void) {
        guard let address = request.broker.masterAddress else { return completion(Self.noMaster(request.broker)) }
        let flag: MessageSysFlag = request.isCommit ? .transactionCommit : .transactionRollback
        let header = EndTransactionRequestHeader(
            topic: request.topic, producerGroup: request.topic, tranStateTableOffset: request.id.queueOffset,
            commitLogOffset: request.id.logOffset, commitOrRollback: flag.rawValue,
            fromTransactionCheck: request.isAnswerToCheck, messageId: request.messageID,
            transactionId: request.messageID)
        client.call(address, code: .endTransaction, header: header, timeoutMillis: timeoutMillis) { result in
            switch result {
            case .failure(let error): completion(BackendErrors.error(error))
            case .success(let answer) where answer.code == ResponseCode.success.rawValue: completion(nil)
            case .success(let answer):
                completion(EndTransactionRequest.error(ResponseCode(rawValue: answer.code), answer.remark))
            }
        }
    }

    // MARK: Receipts

    /// ACK_MESSAGE.
    package func acknowledge(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) {
        guard let address = request.broker.masterAddress else { return completion(Self.noMaster(request.broker)) }
        let header = AckMessageRequestHeader(
            consumerGroup: request.group, topic: request.storedTopic, queueId: request.handle.queueId,
            extraInfo: request.handleText, offset: request.handle.queueOffset, liteTopic: request.liteTopicOrNil)
        client.call(address, code: .ackMessage, header: header, timeoutMillis: timeoutMillis) { result in
            completion(BackendErrors.receiptError(result))
        }
    }

    /// CHANGE_MESSAGE_INVISIBLETIME; the new handle has the times of the answer.
    package func changeInvisible(
        _ request: ReceiptRequest, invisibleMillis: Int64, completion: @escaping (Result<String, ProxyError>) -> Void
    ) {
        guard let address = request.broker.masterAddress else {
            return completion(.failure(Self.noMaster(request.broker)))
        }
        let header = ChangeInvisibleTimeRequestHeader(
            consumerGroup: request.group, topic: request.storedTopic, queueId: request.handle.queueId,
            extraInfo: request.handleText, offset: request.handle.queueOffset, invisibleMillis: invisibleMillis,
            liteTopic: request.liteTopicOrNil, suspend: request.isSuspended ? true : nil)
        client.call(address, code: .changeMessageInvisibletime, header: header, timeoutMillis: timeoutMillis) {
            result in
            if let error = BackendErrors.receiptError(result) { return completion(.failure(error)) }
            completion(Self.changedHandle(request, result))
        }
    }

    private static func changedHandle(
        _ request: ReceiptRequest, _ result: Result<RemotingCommand, RemotingError>
    ) -> Result<String, ProxyError> {
        guard case .success(let answer) = result else { return .success(request.handleText) }
        let old = request.handle
        // An ordered delivery that is done already is answered without fields: the handle stays what it is.
        guard let header = try? ChangeInvisibleTimeResponseHeader(fields: answer.fields) else {
            return .success(request.handleText)
        }
        let handle = ReceiptHandle(
            startOffset: old.queueOffset, popTimeMillis: header.popMillis, invisibleMillis: header.invisibleMillis,
            reviveQueueId: header.reviveQueueId, topicKind: old.topicKind, brokerName: old.brokerName,
            queueId: old.queueId, queueOffset: old.queueOffset, commitLogOffset: old.commitLogOffset)
        return .success(handle.text)
    }

    /// CONSUMER_SEND_MSG_BACK with a level that means the dead-letter topic. Our brokers end the delivery by it, once however
    /// often it is asked; Apache's need an ack after it.
    package func deadLetter(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) {
        guard let address = request.broker.masterAddress else { return completion(Self.noMaster(request.broker)) }
        guard request.handle.commitLogOffset >= 0 else {
            return completion(ProxyError(.invalidReceiptHandle, "the receipt handle has no log offset"))
        }
        let header = ConsumerSendMessageBackRequestHeader(
            offset: request.handle.commitLogOffset, group: request.group, delayLevel: -1,
            originMessageId: request.messageID.isEmpty ? nil : request.messageID, originTopic: request.storedTopic,
            maxReconsumeTimes: 0, extraInfo: request.handleText)
        client.call(address, code: .consumerSendMsgBack, header: header, timeoutMillis: timeoutMillis) {
            [self] result in
            if let error = BackendErrors.receiptError(result) { return completion(error) }
            let answer = try? ConsumerSendMessageBackResponseHeader(fields: result.get().fields)
            if answer?.isDone ?? false { return completion(nil) }
            acknowledge(request, completion: completion)
        }
    }

    // MARK: Pop

    /// POP_MESSAGE for all queues of the broker.
    package func pop(_ request: PopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void) {
        guard let address = request.broker.masterAddress ?? request.broker.readAddress else {
            return completion(.failure(Self.noMaster(request.broker)))
        }
        let header = PopMessageRequestHeader(
            consumerGroup: request.group, topic: request.topic.name, queueId: -1,
            maxMessageCount: request.countMax, invisibleMillis: request.invisibleMillis,
            // Without a born time the broker takes its own clock: ours may differ.
            pollMillis: request.pollMillis, bornMillis: 0, initMode: 1,
            expressionType: request.isSQL ? "SQL92" : "TAG", expression: request.expression,
            isOrdered: request.isOrdered, attemptId: request.attemptID)
        client.call(
            address, code: .popMessage, header: header, timeoutMillis: request.pollMillis + Self.popGraceMillis
        ) { result in
            completion(PopAnswerReader.read(result, brokerName: request.broker.name, isOrdered: request.isOrdered))
        }
    }

    static func noMaster(_ broker: BrokerTarget) -> ProxyError {
        ProxyError(.internalServerError, "broker \(broker.name) has no master now")
    }
}
