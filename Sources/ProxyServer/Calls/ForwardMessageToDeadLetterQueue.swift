import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    /// A consumer gives a message up: it moves to the group's dead-letter topic and is done.
    func forwardMessageToDeadLetterQueue(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try DeadLetterRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        try MessageValidation.checkGroup(request.group.name)
        let receipt = try receipt(
            request.receiptHandle, group: request.group, topic: request.topic, messageID: request.messageID,
            isExpiryChecked: false, message, call)
        guard var receipt else { return }
        receipt.liteTopic = request.liteTopic.string
        guard receipt.handle.commitLogOffset >= 0 else {
            throw ProxyError(.invalidReceiptHandle, "the receipt handle has no log offset")
        }
        deliveries.forget(call.metadataBytes("x-mq-client-id"), handle: request.receiptHandle.bytes)
        backend.deadLetter(receipt) { [self] error in
            if let error { fail(call, error) } else { succeed(call) }
        }
    }
}
