import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST (225): groups as a list; the first that is refused makes the answer.
    func updateAndCreateGroupList(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let groups = try Self.list(request, "groupConfigList") { json throws(ModelError) in
            try SubscriptionGroupConfig(json: json)
        }
        save(groups[...], request, connection)
    }

    private func save(
        _ groups: ArraySlice<SubscriptionGroupConfig>, _ request: RemotingCommand,
        _ connection: RemotingServerConnection
    ) {
        guard let group = groups.first else { return connection.respond(to: request, code: .success) }
        broker.groups.update(group) { [self] saved in
            switch saved {
            case .success: save(groups.dropFirst(), request, connection)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }
}
