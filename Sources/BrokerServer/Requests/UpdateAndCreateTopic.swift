import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_AND_CREATE_TOPIC (17): answered when the topic is saved; name servers learn of it at once.
    func updateAndCreateTopic(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let topic = try checkedTopic(try request.header(CreateTopicRequestHeader.self))
        broker.topics.update(topic) { saved in
            switch saved {
            case .success: connection.respond(to: request, code: .success)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }

    /// The topic that a request describes, its values checked.
    func checkedTopic(_ header: CreateTopicRequestHeader) throws(ServiceError) -> TopicConfig {
        try checkAdministratedTopic(header.topic)
        let current = broker.topics.topic(header.topic)
        return TopicConfig(
            name: header.topic, readQueueCount: try Self.queueCount(header.readQueueCount, "readQueueNums"),
            writeQueueCount: try Self.queueCount(header.writeQueueCount, "writeQueueNums"),
            permission: try Self.permission(header.permission),
            filterType: TopicFilterType(rawValue: header.topicFilterType) ?? .singleTag,
            sysFlag: header.topicSysFlag ?? 0, isOrdered: header.isOrdered,
            attributes: try attributes(header.attributes ?? "", over: current?.attributes ?? [:]))
    }

    /// Refuses names that are bad or belong to the system.
    func checkAdministratedTopic(_ name: String) throws(ServiceError) {
        do {
            try NameRules.checkTopic(name)
        } catch {
            throw ServiceError(code: .invalidParameter, message: error.message)
        }
        if broker.live.validateSystemTopicWhenUpdateTopic, broker.topics.isSystemTopic(name) {
            throw ServiceError(code: .invalidParameter, message: "The topic[\(name)] is conflict with system topic.")
        }
    }

    /// More queues than this in one topic are a mistake.
    private static var queueCountMax: Int32 { 65_536 }

    private static func queueCount(_ count: Int32, _ name: String) throws(ServiceError) -> Int32 {
        guard (0...queueCountMax).contains(count) else {
            throw ServiceError(
                code: .invalidParameter, message: "\(name) \(count) is not between 0 and \(queueCountMax)")
        }
        return count
    }

    private static func permission(_ bits: Int32) throws(ServiceError) -> TopicPermission {
        guard (0...7).contains(bits) else {
            throw ServiceError(code: .invalidParameter, message: "perm \(bits) is not between 0 and 7")
        }
        return TopicPermission(rawValue: bits)
    }

    private static let knownAttributes: Set<String> = [
        AttributeName.messageType, AttributeName.queueType, AttributeName.cleanupPolicy, AttributeName.reserveTime,
        AttributeName.liteTopicExpiration,
    ]

    private func attributes(
        _ text: String, over current: [String: String]
    ) throws(ServiceError) -> [String: String] {
        let changes: AttributeChanges
        let result: [String: String]
        do {
            changes = try AttributeChanges(parsing: text)
            result = try changes.applied(to: current, known: Self.knownAttributes)
        } catch {
            throw ServiceError(code: .systemError, message: error.message)
        }
        if let type = changes.set[AttributeName.messageType] {
            guard TopicMessageType(rawValue: type) != nil else {
                throw ServiceError(code: .systemError, message: "value is not in set: \(type)")
            }
            guard type != TopicMessageType.mixed.rawValue || broker.live.enableMixedMessageType else {
                throw ServiceError(code: .invalidParameter, message: "MIXED message type is not supported.")
            }
        }
        if let text = changes.set[AttributeName.liteTopicExpiration] {
            guard let minutes = Int64(text), (-1...43_200).contains(minutes) else {
                throw ServiceError(
                    code: .systemError,
                    message: "\(AttributeName.liteTopicExpiration) \(text) is not between -1 and 43200 minutes")
            }
        }
        // To accept these would promise another kind of queue than the one that messages get.
        if let type = result[AttributeName.queueType], type != "SimpleCQ" {
            throw ServiceError(code: .invalidParameter, message: "queue.type \(type) is not supported yet, SimpleCQ is")
        }
        if let policy = result[AttributeName.cleanupPolicy], policy != "DELETE" {
            throw ServiceError(
                code: .invalidParameter, message: "cleanup.policy \(policy) is not supported yet, DELETE is")
        }
        return result
    }
}
