import MessageModel
import NIOCore
import ProtoMessages

/// Turns a stored record into a Message of the API, for the commands that carry one.
struct StoredMessageWriter {
    let service: ProxyService
    /// The topic that the client is told.
    let topic: String

    /// Hands the message to `use`; what it points to is valid there only. False when the bytes are no record, or one without
    /// a message id.
    func write(
        _ bytes: UnsafeRawBufferPointer, _ use: (OutgoingMessage, StoredProperties) -> Void
    ) -> Bool {
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
        withBody(isInflated, stored) { body in
            let digest = text.writerIndex..<text.writerIndex + MD5.hexBytes
            text.writeWithUnsafeMutableBytes(minimumWritableBytes: MD5.hexBytes) { space in
                guard let base = space.baseAddress else { return 0 }
                MD5.upperHex(body, into: base.assumingMemoryBound(to: UInt8.self))
                return MD5.hexBytes
            }
            text.withUnsafeReadableBytes { text in
                var name = topic
                name.withUTF8 { topic in
                    var outgoing = OutgoingMessage(topic: UnsafeRawBufferPointer(topic), body: body)
                    outgoing.bodyMD5 = UnsafeRawBufferPointer(rebasing: text[digest])
                    outgoing.bodyEncoding = isCompressed && !isInflated ? .gzip : .identity
                    outgoing.messageType = properties.messageType
                    outgoing.messageID = properties.bytes(messageID)
                    outgoing.bornMillis = message.bornMillis
                    outgoing.bornHost =
                        properties.bornHost.map(properties.bytes) ?? UnsafeRawBufferPointer(rebasing: text[bornHost])
                    outgoing.storeMillis = message.storeMillis
                    outgoing.storeHost = UnsafeRawBufferPointer(rebasing: text[storeHost])
                    outgoing.queueID = message.queueId
                    outgoing.queueOffset = message.queueOffset
                    outgoing.deliveryAttempt = message.reconsumeTimes + 1
                    use(outgoing, properties)
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
