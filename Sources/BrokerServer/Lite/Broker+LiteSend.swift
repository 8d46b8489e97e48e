import MessageModel
import NIOCore
import StorageEngine

extension Broker {
    /// Stores a message of a LITE topic, which must name a lite topic and nothing that goes another way.
    func storeLite(
        _ request: SendRequest, _ found: SendProperties, _ completion: @escaping @Sendable (SendOutcome) -> Void
    ) throws(ServiceError) {
        guard !request.isBatch else {
            throw ServiceError(
                code: .messageIllegal, message: "batches cannot be sent to the LITE topic \(request.topic)")
        }
        guard let lite = try liteTopic(request, found) else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the topic \(request.topic) is of the type LITE: a message must name its lite topic (property "
                    + "\(PropertyName.liteTopic))")
        }
        guard self.lite.admits(lite) else {
            throw ServiceError(
                code: .lmqQuotaExceeded,
                message: "the broker has \(self.lite.limits.topicsMax) lite topics, no more may come into being "
                    + "(maxLmqConsumeQueueNum)")
        }
        try store(request, found, lite: lite, completion)
    }

    private func liteTopic(
        _ request: SendRequest, _ found: SendProperties
    ) throws(ServiceError) -> LiteTopicName? {
        guard let properties = request.properties, let range = found.liteTopic else { return nil }
        let name = properties.withUnsafeReadableBytes { bytes in
            String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        }
        guard !found.isDelayed, !found.isTransactional else {
            throw ServiceError(
                code: .messageIllegal, message: "a message of a lite topic cannot be delayed or transactional")
        }
        guard LiteTopicName.isValid(name) else {
            throw ServiceError(
                code: .messageIllegal,
                message: "a lite topic has 1 to \(LiteTopicName.bytesMax) letters, digits, _ and -, unlike \(name)")
        }
        return LiteTopicName(parent: request.topic, lite: name)
    }

    /// Names the light queue in the stored properties, where other brokers and the next start look for it.
    func addDispatch(_ lite: LiteTopicName, to text: inout ByteBuffer) throws(ServiceError) {
        if text.readableBytes > 0 { text.writeInteger(PropertyText.valueEnd) }
        text.writeString(PropertyName.innerMultiDispatch)
        text.writeInteger(PropertyText.nameEnd)
        text.writeString(lite.queueName)
        guard text.readableBytes <= PropertyText.bytesMax - Self.dispatchReserveBytes else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the message properties have \(text.readableBytes) bytes, over the maximum")
        }
    }

    /// Room for the offset in the light queue.
    private static var dispatchReserveBytes: Int { 64 }
}
