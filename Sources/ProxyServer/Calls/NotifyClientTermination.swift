import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    /// A client leaves: what it holds unfinished goes to others at once.
    func notifyClientTermination(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try NotifyClientTerminationRequestView(message, in: arena)
        // Go's producers send a group without a name.
        if let group = request.group, !group.name.isEmpty { try MessageValidation.checkGroup(group.name) }
        if let clientID = call.metadata("x-mq-client-id") { releaseDeliveries(of: clientID) }
        succeed(call)
    }
}
