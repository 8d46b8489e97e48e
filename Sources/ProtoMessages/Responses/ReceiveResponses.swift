import NIOCore

/// What a received message is made of; the regions are only read while it is written.
package struct OutgoingMessage {
    /// Topic that was asked for.
    package var topic: UnsafeRawBufferPointer
    /// Body as it is sent.
    package var body: UnsafeRawBufferPointer
    /// Upper-case hex MD5 of `body`.
    package var bodyMD5: UnsafeRawBufferPointer
    /// Encoding of `body`.
    package var bodyEncoding: ProtoEncoding
    /// Kind of message.
    package var messageType: ProtoMessageType
    /// Id for the client.
    package var messageID: UnsafeRawBufferPointer
    /// When the producer made it.
    package var bornMillis: Int64
    /// Host that made it.
    package var bornHost: UnsafeRawBufferPointer
    /// When the broker stored it.
    package var storeMillis: Int64
    /// Broker address `ip:port`.
    package var storeHost: UnsafeRawBufferPointer
    /// When it was to be delivered.
    package var deliveryMillis: Int64?
    /// Handle to ack it.
    package var receiptHandle: UnsafeRawBufferPointer?
    /// Queue it is in.
    package var queueID: Int32
    /// Offset there.
    package var queueOffset: Int64
    /// How often it was handed out, this time included.
    package var deliveryAttempt: Int32
    /// How long it stays invisible.
    package var invisibleMillis: Int64?

    /// A message with nothing but the required parts.
    package init(topic: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        self.topic = topic
        self.body = body
        bodyMD5 = nothing
        bodyEncoding = .identity
        messageType = .normal
        messageID = nothing
        bornMillis = 0
        bornHost = nothing
        storeMillis = 0
        storeHost = nothing
        queueID = 0
        queueOffset = 0
        deliveryAttempt = 1
    }
}

/// Properties of a stored message as a received message shows them; regions are only read while it is written.
package protocol OutgoingProperties {
    /// Bytes of all names and values together.
    var encodedBytes: Int { get }
    /// Entries, users' and others'.
    var entryCount: Int { get }
    /// Writes entries of the user map as field 2 of Message.
    func writeUserProperties(_ writer: inout ProtoWriter)
    /// Writes tag (1) and keys (2) of SystemProperties.
    func writeTagAndKeys(_ writer: inout ProtoWriter)
    /// Writes message group (17), trace context (18), dead-letter origin (20), lite topic (21), priority (22).
    func writeTrailing(_ writer: inout ProtoWriter)
}

extension ResponseEncoder {
    private static let messageOverheadBytes = 512

    /// ReceiveMessageResponse {message = 2}.
    package static func receivedMessage(
        _ message: OutgoingMessage, _ properties: some OutgoingProperties,
        into buffer: inout ByteBuffer
    ) {
        buffer.writeProto(capacity: capacity(message, properties)) { writer in
            writeMessage(&writer, 2, message, properties)
        }
    }

    /// TelemetryCommand {status OK, recover_orphaned_transaction_command = 5}: how did this transaction end?
    package static func recoverOrphanedTransaction(
        _ message: OutgoingMessage, _ properties: some OutgoingProperties, transactionID: String,
        into buffer: inout ByteBuffer
    ) {
        let capacity = capacity(message, properties) + transactionID.utf8.count + messageOverheadBytes
        buffer.writeProto(capacity: capacity) { writer in
            writer.status(1, .ok)
            writer.message(5, sizeHint: message.body.count + 512) { command in
                writeMessage(&command, 1, message, properties)
                command.text(2, transactionID)
            }
        }
    }

    /// TelemetryCommand {status OK, verify_message_command = 7}: consume this message now.
    package static func verifyMessage(
        _ message: OutgoingMessage, _ properties: some OutgoingProperties, nonce: String, into buffer: inout ByteBuffer
    ) {
        let capacity = capacity(message, properties) + nonce.utf8.count + messageOverheadBytes
        buffer.writeProto(capacity: capacity) { writer in
            writer.status(1, .ok)
            writer.message(7, sizeHint: message.body.count + 512) { command in
                command.text(1, nonce)
                writeMessage(&command, 2, message, properties)
            }
        }
    }

    private static func capacity(_ message: OutgoingMessage, _ properties: some OutgoingProperties) -> Int {
        let system =
            messageOverheadBytes + message.topic.count + message.messageID.count + message.bornHost.count
            + message.storeHost.count + (message.receiptHandle?.count ?? 0) + properties.encodedBytes
            + properties.entryCount * ProtoWriter.fieldOverheadBytes
        return system + message.body.count + 2 * ProtoWriter.fieldOverheadBytes
    }

    private static func writeMessage(
        _ writer: inout ProtoWriter, _ field: Int, _ message: OutgoingMessage, _ properties: some OutgoingProperties
    ) {
        writer.message(field, sizeHint: message.body.count + 320) { inner in
            inner.message(1) { $0.bytes(2, message.topic) }
            properties.writeUserProperties(&inner)
            inner.message(3, sizeHint: 256) { writeSystem(&$0, message, properties) }
            inner.bytes(4, message.body)
        }
    }

    private static func writeSystem(
        _ writer: inout ProtoWriter, _ message: OutgoingMessage,
        _ properties: some OutgoingProperties
    ) {
        properties.writeTagAndKeys(&writer)
        writer.bytes(3, message.messageID)
        writer.message(4) { digest in
            digest.integer(1, 2)  // MD5
            digest.bytes(2, message.bodyMD5)
        }
        writer.integer(5, Int64(message.bodyEncoding.rawValue))
        writer.integer(6, Int64(message.messageType.rawValue))
        writer.timestamp(7, millis: message.bornMillis)
        writer.bytes(8, message.bornHost)
        writer.timestamp(9, millis: message.storeMillis)
        writer.bytes(10, message.storeHost)
        if let delivery = message.deliveryMillis { writer.timestamp(11, millis: delivery) }
        if let handle = message.receiptHandle { writer.explicitBytes(12, handle) }
        writer.integer(13, Int64(message.queueID))
        writer.explicitInteger(14, message.queueOffset)
        if let invisible = message.invisibleMillis { writer.duration(15, millis: invisible) }
        writer.explicitInteger(16, Int64(message.deliveryAttempt))
        properties.writeTrailing(&writer)
    }

    /// ReceiveMessageResponse {delivery_timestamp = 3}.
    package static func deliveryTimestamp(millis: Int64, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: 64) { $0.timestamp(3, millis: millis) }
    }
}
