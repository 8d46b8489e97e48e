import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    func changeInvisibleDuration(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try ChangeInvisibleDurationRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        try MessageValidation.checkGroup(request.group.name)
        let millis = request.invisibleMillis
        guard millis >= 0, millis <= configuration.receiving.invisibleMillisMax else {
            throw ProxyError(
                .illegalInvisibleTime,
                "the invisible time \(millis) ms is not within 0 and \(configuration.receiving.invisibleMillisMax) ms")
        }
        let receipt = try receipt(
            request.receiptHandle, group: request.group, topic: request.topic, messageID: request.messageID, message,
            call)
        guard var receipt else { return }
        receipt.liteTopic = request.liteTopic.string
        receipt.isSuspended = request.isSuspended
        deliveries.forget(call.metadataBytes("x-mq-client-id"), handle: request.receiptHandle.bytes)
        backend.changeInvisible(receipt, invisibleMillis: millis) { [self] result in
            switch result {
            case .failure(let error): fail(call, error)
            case .success(let handle):
                call.send { ResponseEncoder.changeInvisibleDuration(.ok, receiptHandle: handle, into: &$0) }
                call.finish(.ok)
            }
        }
    }
}
