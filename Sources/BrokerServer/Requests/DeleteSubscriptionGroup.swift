import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// DELETE_SUBSCRIPTIONGROUP (207): takes a group away, and its progress too when asked.
    func deleteSubscriptionGroup(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(DeleteSubscriptionGroupRequestHeader.self)
        broker.groups.delete(header.groupName) { [broker] deleted in
            switch deleted {
            case .success:
                broker.statistics.forget(group: header.groupName)
                broker.pulls.groupDeleted(header.groupName)
                broker.lite.groupDeleted(header.groupName)
                if header.cleanOffset == true { broker.delivery.groupDeleted(header.groupName) }
                connection.respond(to: request, code: .success)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }
}
