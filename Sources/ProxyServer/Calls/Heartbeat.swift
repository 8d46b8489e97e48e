import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    /// Nothing here lives on heartbeats: they are checked and answered.
    func heartbeat(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try HeartbeatRequestView(message, in: arena)
        switch request.clientType {
        case .pushConsumer, .simpleConsumer, .litePushConsumer, .liteSimpleConsumer:
            try MessageValidation.checkGroup(request.group?.name ?? .empty)
        case .producer: break
        case .unspecified:
            // Producers of some clients leave their kind out; a group means a consumer.
            if let group = request.group, !group.name.isEmpty { try MessageValidation.checkGroup(group.name) }
        case .pullConsumer:
            throw ProxyError(.unrecognizedClientType, "clients of this type are not served")
        }
        if let clientID = call.metadata("x-mq-client-id") {
            context.presence.note(clientID, nowMillis: context.clock.uptimeMillis())
        }
        succeed(call)
    }
}
