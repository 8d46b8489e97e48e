import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// CLONE_GROUP_OFFSET (314): gives one group the progress of another, on a topic or on all of its topics.
    func cloneGroupOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(CloneGroupOffsetRequestHeader.self)
        guard broker.groups.groupOrCreate(header.destGroup) != nil else {
            throw ServiceError(
                code: .subscriptionGroupNotExist, message: "Group \(header.destGroup) not exist!")
        }
        let offsets = broker.delivery.offsets
        let named = header.topic.flatMap { $0.isEmpty ? nil : [$0] }
        let topics = (named ?? offsets.topics(group: header.srcGroup)).filter { broker.topics.topic($0) != nil }
        try onWorker(request, connection) { [broker] in
            for topic in topics {
                for (queueID, offset) in offsets.offsets(group: header.srcGroup, topic: topic) {
                    broker.delivery.commitOffset(
                        group: header.destGroup, topic: topic, queueID: queueID, offset: offset)
                }
            }
            connection.respond(to: request, code: .success)
        }
    }
}
