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
            OrphanWriter(service: self, call: call, orphan: orphan, transactionID: id.text).send(bytes)
        }
        if !isSent {
            context.logger.warning(
                "a half message of a check cannot be read", metadata: ["broker": "\(orphan.brokerName)"])
        }
    }
}

/// Writes the half message of a question as a Message of the API.
private struct OrphanWriter {
    let service: ProxyService
    let call: GRPCCall
    let orphan: OrphanedTransaction
    let transactionID: String

    func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let message = PoppedMessage.read(bytes, from: 0)?.message else { return false }
        let properties = StoredProperties(
            UnsafeRawBufferPointer(rebasing: bytes[message.properties]), names: service.propertyNames)
        guard let messageID = properties.messageID else { return false }
        var text = ByteBuffer()
        HostText.write(message.storeHost, withPort: true, into: &text)
        let storeHost = 0..<text.writerIndex
        HostText.write(message.bornHost, withPort: true, into: &text)
        let bornHost = storeHost.upperBound..<text.writerIndex
        let stored = UnsafeRawBufferPointer(rebasing: bytes[message.body])
        let isCompressed = message.sysFlag.contains(.compressed)
        let isInflated = isCompressed && service.inflater.inflate(stored)
        let encoding: ProtoEncoding = isCompressed && !isInflated ? .gzip : .identity
        withBody(isInflated, stored) { body in
            let digest = text.writerIndex..<text.writerIndex + 32
            text.writeWithUnsafeMutableBytes(minimumWritableBytes: 32) { space in
                guard let base = space.baseAddress else { return 0 }
                MD5.upperHex(body, into: base.assumingMemoryBound(to: UInt8.self))
                return 32
            }
            text.withUnsafeReadableBytes { text in
                var name = orphan.topic
                name.withUTF8 { topic in
                    var outgoing = OutgoingMessage(topic: UnsafeRawBufferPointer(topic), body: body)
                    outgoing.bodyMD5 = UnsafeRawBufferPointer(rebasing: text[digest])
                    outgoing.bodyEncoding = encoding
                    outgoing.messageType = .transaction
                    outgoing.messageID = properties.bytes(messageID)
                    outgoing.bornMillis = message.bornMillis
                    outgoing.bornHost =
                        properties.bornHost.map(properties.bytes) ?? UnsafeRawBufferPointer(rebasing: text[bornHost])
                    outgoing.storeMillis = message.storeMillis
                    outgoing.storeHost = UnsafeRawBufferPointer(rebasing: text[storeHost])
                    outgoing.queueID = message.queueId
                    outgoing.queueOffset = message.queueOffset
                    call.send {
                        ResponseEncoder.recoverOrphanedTransaction(
                            outgoing, properties, transactionID: transactionID, into: &$0)
                    }
                }
            }
        }
        service.inflater.trim()
        return true
    }

    private func withBody(
        _ isInflated: Bool, _ stored: UnsafeRawBufferPointer, _ run: (UnsafeRawBufferPointer) -> Void
    ) {
        if isInflated { service.inflater.output.withUnsafeReadableBytes(run) } else { run(stored) }
    }
}
