import NIOCore

/// A message as a consumer gets it from a proxy.
package struct ClientDelivery {
    /// The id that its producer gave it.
    package var id: String
    /// What acknowledges it.
    package var handle: String
    /// The delivery attempt, from 1.
    package var attempt: Int32
    /// The body.
    package var body: ByteBuffer
}

/// One message of ReceiveMessage's stream.
package enum ClientReceiveEvent {
    /// How the receive ended, or why there is nothing.
    case status(ProtoStatus)
    /// A message.
    case delivery(ClientDelivery)
    /// Anything else, such as the delivery time.
    case other
}

/// Reads the answers of `MessagingService` that our own clients get.
package enum ClientAnswers {
    /// The status in field 1 of unary answers; with SendMessage that of the first message when the whole is not clear.
    package static func status(_ answer: ByteBuffer) -> ProtoStatus {
        answer.withUnsafeReadableBytes { bytes in
            let whole = status(ProtoFieldReader.bytes(1, in: bytes))
            guard whole.code == .multipleResults, let entry = ProtoFieldReader.bytes(2, in: bytes) else { return whole }
            return status(ProtoFieldReader.bytes(1, in: entry))
        }
    }

    /// One message of ReceiveMessage's stream.
    package static func receiveEvent(_ answer: ByteBuffer) -> ClientReceiveEvent {
        answer.withUnsafeReadableBytes { bytes in
            var reader = ProtoFieldReader(bytes)
            while let next = reader.next() {
                guard case .bytes(let value) = next.value else { continue }
                switch next.field {
                case 1: return .status(status(value))
                case 2: return .delivery(delivery(value))
                default: continue
                }
            }
            return .other
        }
    }

    private static func delivery(_ message: UnsafeRawBufferPointer) -> ClientDelivery {
        let system = ProtoFieldReader.bytes(3, in: message) ?? UnsafeRawBufferPointer(start: nil, count: 0)
        return ClientDelivery(
            id: ProtoFieldReader.text(3, in: system), handle: ProtoFieldReader.text(12, in: system),
            attempt: Int32(clamping: ProtoFieldReader.integer(16, in: system)),
            body: ByteBuffer(
                bytes: ProtoFieldReader.bytes(4, in: message) ?? UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    private static func status(_ bytes: UnsafeRawBufferPointer?) -> ProtoStatus {
        guard let bytes else { return ProtoStatus(.internalError, "the answer has no status") }
        return ProtoStatus(
            ProtoCode(rawValue: Int32(clamping: ProtoFieldReader.integer(1, in: bytes))),
            ProtoFieldReader.text(2, in: bytes))
    }
}
