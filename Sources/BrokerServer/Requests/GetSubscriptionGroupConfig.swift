import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_SUBSCRIPTIONGROUP_CONFIG (352): one group, created when that is allowed.
    func getSubscriptionGroupConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let name = try request.header(GetSubscriptionGroupConfigRequestHeader.self).group
        guard let group = broker.groups.groupOrCreate(name) else {
            throw ServiceError(
                code: .subscriptionGroupNotExist, message: "No group in this broker. group: \(name)")
        }
        connection.respond(to: request, code: .success, body: group.encode())
    }
}
