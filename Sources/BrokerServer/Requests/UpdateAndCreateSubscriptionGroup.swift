import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP (200): answered when the group is saved.
    func updateAndCreateSubscriptionGroup(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws {
        let group = try SubscriptionGroupConfig(decoding: request.body)
        broker.groups.update(group) { saved in
            switch saved {
            case .success: connection.respond(to: request, code: .success)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }
}
