import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    /// A producer's stream carried settings: from now on brokers can have it asked about transactions.
    func producerAppeared(_ topics: [ResourceView], _ call: GRPCCall) {
        guard !call.isClosed, let clientID = call.metadata("x-mq-client-id") else { return }
        let target = NIOLoopBound((self, call), eventLoop: eventLoop)
        context.producers.register(
            ObjectIdentifier(call), clientID: clientID, topics: topics.map(\.name.string)
        ) { [eventLoop] orphan in
            eventLoop.execute {
                let (service, call) = target.value
                service.ask(orphan, call)
            }
        }
    }

    /// RecoverOrphanedTransactionCommand on the stream: how did this transaction end? A client without an answer is silent;
    /// the broker then asks again.
    private func ask(_ orphan: OrphanedTransaction, _ call: GRPCCall) {
        guard !call.isClosed else { return }
        let id = TransactionID(
            brokerName: orphan.brokerName, queueOffset: orphan.queueOffset, logOffset: orphan.logOffset, isOfCheck: true
        )
        let isSent = orphan.record.withUnsafeReadableBytes { bytes in
            StoredMessageWriter(service: self, topic: orphan.topic).write(bytes) { message, properties in
                var message = message
                message.messageType = .transaction
                message.deliveryAttempt = 1
                call.send {
                    ResponseEncoder.recoverOrphanedTransaction(message, properties, transactionID: id.text, into: &$0)
                }
            }
        }
        if !isSent {
            context.logger.warning(
                "a half message of a check cannot be read", metadata: ["broker": "\(orphan.brokerName)"])
        }
    }
}
