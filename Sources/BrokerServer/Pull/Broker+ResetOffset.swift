import MessageModel
import RemotingCodec
import RemotingTransport

extension Broker {
    /// Moves a group to other offsets of a topic, by time or to a given one, as an administrator asks
    /// (`consume.md` 7). Reads from the disk.
    ///
    /// The new offsets are committed at once. With `useServerSideResetOffset` the group's next pull of each queue is told
    /// to go there; else the connected clients are told, as brokers of 4.x do.
    package func resetOffsets(_ request: ResetOffsetRequestHeader) throws(ServiceError) -> [Int32: Int64] {
        guard let topic = topics.topic(request.topic) else {
            throw ServiceError(code: .topicNotExist, message: "Topic \(request.topic) not exist!")
        }
        guard groups.groupOrCreate(request.group) != nil else {
            throw ServiceError(code: .subscriptionGroupNotExist, message: "Group \(request.group) not exist!")
        }
        let offsets = try targets(of: request, topic)
        if configuration.useServerSideResetOffset {
            guard pulls.resets.set(offsets, group: request.group, topic: request.topic) else {
                throw ServiceError(code: .systemBusy, message: "too many resets of offsets are pending")
            }
            commit(offsets, of: request)
            // Who waits for new messages must not go on waiting at the old place.
            for queueID in offsets.keys {
                pulls.wake(topic: request.topic, queueID: queueID) { $0.request.group == request.group }
            }
            return offsets
        }
        try tellClients(offsets, request)
        commit(offsets, of: request)
        return offsets
    }

    private func commit(_ offsets: [Int32: Int64], of request: ResetOffsetRequestHeader) {
        for (queueID, offset) in offsets {
            delivery.commitOffset(group: request.group, topic: request.topic, queueID: queueID, offset: offset)
        }
    }

    private func targets(
        of request: ResetOffsetRequestHeader, _ topic: TopicConfig
    ) throws(ServiceError) -> [Int32: Int64] {
        guard let queueID = request.queueId, queueID >= 0 else {
            var offsets: [Int32: Int64] = [:]
            for queueID in 0..<topic.readQueueCount { offsets[queueID] = target(of: request, queueID) }
            return offsets
        }
        guard queueID < topic.readQueueCount else {
            throw ServiceError(
                code: .systemError,
                message: "queue \(queueID) of the topic \(topic.name) does not exist, it has \(topic.readQueueCount)")
        }
        guard let offset = request.offset, offset != -1 else { return [queueID: target(of: request, queueID)] }
        let first = store.minOffset(topic: topic.name, queueId: queueID)
        let end = store.maxOffset(topic: topic.name, queueId: queueID)
        guard offset >= first, offset <= end + 1 else {
            throw ServiceError(
                code: .systemError, message: "Target offset \(offset) not in consume queue range [\(first)-\(end)]")
        }
        return [queueID: offset]
    }

    /// The offset of a time; a group that is behind it stays where it is unless forced.
    private func target(of request: ResetOffsetRequestHeader, _ queueID: Int32) -> Int64 {
        let target =
            request.timestampMillis == -1
            ? store.maxOffset(topic: request.topic, queueId: queueID)
            : store.offset(
                topic: request.topic, queueId: queueID, timestampMillis: request.timestampMillis, boundary: .lower)
        guard !request.isForced,
            let committed = delivery.offsets.offset(group: request.group, topic: request.topic, queueID: queueID)
        else { return max(0, target) }
        return max(0, min(target, committed))
    }

    private func tellClients(
        _ offsets: [Int32: Int64], _ request: ResetOffsetRequestHeader
    ) throws(ServiceError) {
        let members = clients.members(group: request.group)
        guard !members.isEmpty else {
            throw ServiceError(
                code: .consumerNotOnline,
                message: "Consumer not online, so can not reset offset, Group: \(request.group) "
                    + "Topic: \(request.topic) Timestamp: \(request.timestampMillis)")
        }
        var table: [MessageQueue: Int64] = [:]
        for (queueID, offset) in offsets {
            let queue = MessageQueue(
                topic: request.topic, brokerName: configuration.brokerName, queueId: queueID)
            table[queue] = offset
        }
        let body = ResetOffsetBody(offsets: table)
        for (identity, connection) in members {
            let list = identity.language == .cpp
            connection.sendOneway(
                code: .resetConsumerClientOffset, header: request,
                body: list ? ListForm(body).encode() : body.encode())
        }
    }
}

/// The same body as a list, for clients in C++.
private struct ListForm: JSONBody {
    private let body: ResetOffsetBody

    init(_ body: ResetOffsetBody) { self.body = body }
    init(json: JSONValue) throws(ModelError) { body = try ResetOffsetBody(json: json) }
    var json: JSONValue { body.listJSON }
}
