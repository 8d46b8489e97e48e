import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    /// Takes a delayed message back: the handle says which broker holds it, so any proxy can ask.
    func recallMessage(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try RecallMessageRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        guard let topic = try topic(request.topic.name, for: message, call)?.snapshot else { return }
        if configuration.isMessageTypeChecked, !topic.takesAnyKind, !topic.messageType.accepts(.delay) {
            throw ProxyError(
                .messagePropertyConflictWithType,
                "only delayed messages can be recalled; the topic takes \(topic.messageType.rawValue) messages")
        }
        let text = request.recallHandle.string
        guard let handle = RecallHandle(text: text), handle.topic == topic.name else {
            throw ProxyError(.internalServerError, "the recall handle is not one of this topic")
        }
        guard let broker = topic.broker(named: handle.brokerName) else {
            throw ProxyError(.internalServerError, "the recall handle names the unknown broker \(handle.brokerName)")
        }
        backend.recall(RecallRequest(topic: topic.name, broker: broker, handleText: text)) { [self] result in
            switch result {
            case .failure(let error): fail(call, error)
            case .success(let messageID):
                call.send { ResponseEncoder.recallMessage(.ok, messageID: messageID, into: &$0) }
                call.finish(.ok)
            }
        }
    }
}
