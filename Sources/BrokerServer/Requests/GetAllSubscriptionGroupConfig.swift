import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201): the whole table, or a page of it when the request names a page.
    func getAllSubscriptionGroupConfig(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws {
        let page =
            request.fields.contains("groupSeq")
            ? try request.header(GetAllSubscriptionGroupConfigRequestHeader.self) : nil
        try onWorker(request, connection) { [broker] in
            let snapshot = broker.groups.snapshot
            let range = PageOfNames(snapshot.groups.keys, from: page?.groupSeq, countMax: page?.maxGroupCount)
            var shown = snapshot
            shown.groups = snapshot.groups.filter { range.names.contains($0.key) }
            let body = ByteBuffer(bytes: GroupRegistry.encode(shown).serialize(unquotedIntegerKeys: true))
            try Self.checkSize(body)
            guard page != nil else { return connection.respond(to: request, code: .success, body: body) }
            connection.respond(
                to: request, code: .success,
                header: GetAllSubscriptionGroupConfigResponseHeader(
                    totalGroupCount: Int32(clamping: snapshot.groups.count)),
                body: body)
        }
    }
}
