import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    /// A client leaves: what it holds unfinished goes to others at once.
    func notifyClientTermination(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try NotifyClientTerminationRequestView(message, in: arena)
        // Go's producers send a group without a name.
        if let group = request.group, !group.name.isEmpty { try MessageValidation.checkGroup(group.name) }
        if let clientID = call.metadata("x-mq-client-id") {
            if let named = request.group, !named.name.isEmpty {
                guard let group = try self.group(named.name, for: message, call) else { return }
                guard leavesLite(clientID, group, message, call) else { return }
            }
            releaseDeliveries(of: clientID)
        }
        succeed(call)
    }

    /// Takes a client out of its lite group. False when the request runs again.
    private func leavesLite(
        _ clientID: String, _ group: SubscriptionGroupConfig, _ message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) -> Bool {
        guard let bound = group.liteBindTopic else { return true }
        do throws(ProxyError) {
            guard let topic = try topic(named: bound, for: message, call) else { return false }
            liteClientLeaves(clientID, group: group, topic: topic.snapshot)
        } catch {
            // Without a route there is nobody to tell; brokers forget silent clients.
            return true
        }
        return true
    }
}
