import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_AND_GET_GROUP_FORBIDDEN (353): forbids or allows a group to read a topic, and tells what holds.
    func updateGroupForbidden(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(UpdateGroupForbiddenRequestHeader.self)
        broker.groups.setReadable(header.readable, group: header.group, topic: header.topic) { [broker] saved in
            switch saved {
            case .success:
                let body = GroupForbidden(
                    group: header.group, topic: header.topic,
                    isReadable: !broker.groups.isReadForbidden(group: header.group, topic: header.topic))
                connection.respond(to: request, code: .success, body: body.encode())
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }
}
