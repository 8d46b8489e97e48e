import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// HEART_BEAT (34): registers the client's producers and consumers.
    func heartbeat(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let beat = try HeartbeatData(decoding: request.body)
        guard !beat.clientId.isEmpty, beat.producerGroups.count + beat.consumers.count <= Self.groupsPerBeatMax else {
            throw ServiceError(
                code: .invalidParameter,
                message: "a heartbeat names a client and at most \(Self.groupsPerBeatMax) groups")
        }
        var consumers: [ConsumerBeat] = []
        for data in beat.consumers {
            // Apache skips a consumer whose group may not be created, and answers success.
            guard let group = broker.groups.groupOrCreate(data.groupName) else { continue }
            ensureRetryTopic(group, isUnitMode: data.unitMode)
            consumers.append(
                ConsumerBeat(
                    group: data.groupName, consumeType: data.consumeType, messageModel: data.messageModel,
                    consumeFromWhere: data.consumeFromWhere, subscriptions: data.subscriptions))
        }
        let client = ClientIdentity(
            clientID: beat.clientId, address: connection.remoteAddress, language: request.language,
            version: request.version)
        let effect = broker.clients.heartbeat(
            client, on: connection, producerGroups: beat.producerGroups.filter { !$0.isEmpty }, consumers: consumers,
            fingerprint: beat.fingerprint, withoutSubscriptions: beat.isWithoutSubscriptions)
        guard !effect.isFull else {
            throw ServiceError(code: .systemBusy, message: "the client table of the broker is full")
        }
        connection.respond(
            to: request, code: .success,
            header: HeartbeatResponseHeader(
                supportsHeartbeatV2: true, hasSubscriptionChanged: effect.hasSubscriptionChanged))
    }

    /// More groups in one process are a mistake or an attack.
    private static var groupsPerBeatMax: Int { 4_096 }

    /// Groups have a topic for messages that are to come again; Apache's tools find the group's brokers by it.
    func ensureRetryTopic(_ group: SubscriptionGroupConfig, isUnitMode: Bool) {
        let name = NameRules.retryTopic(group.name)
        guard group.retryQueueCount > 0, broker.topics.topic(name) == nil else { return }
        let topic = TopicConfig(
            name: name, readQueueCount: group.retryQueueCount, writeQueueCount: group.retryQueueCount,
            sysFlag: isUnitMode ? 2 : 0)
        broker.topics.createIfAbsent(topic) { [logger] created in
            guard case .failure(let error) = created else { return }
            logger.error("retry topic could not be made", metadata: ["topic": "\(name)", "error": "\(error)"])
        }
    }
}
