import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// ANNOUNCE_PROXIED_CONSUMERS, from our proxies: the consumers that are connected to one of them.
    func announceProxiedConsumers(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws {
        let body = try ProxiedConsumersBody(decoding: request.body)
        guard body.present.count + body.left.count <= Self.announcedMax else {
            throw ServiceError(
                code: .invalidParameter, message: "at most \(Self.announcedMax) consumers are announced at once")
        }
        var known: [ProxiedConsumersBody.Consumer] = []
        for consumer in body.present {
            // As for a heartbeat: whose group may not be made is passed over.
            guard let group = broker.groups.groupOrCreate(consumer.data.groupName) else { continue }
            ensureRetryTopic(group, isUnitMode: false)
            known.append(consumer)
        }
        let isRoom = broker.proxiedConsumers.announce(
            known, left: body.left, on: connection, nowMillis: broker.nowMillis())
        guard isRoom else {
            throw ServiceError(code: .systemBusy, message: "the table of consumers behind proxies is full")
        }
        connection.respond(to: request, code: .success)
    }

    private static var announcedMax: Int { 1_000 }
}
