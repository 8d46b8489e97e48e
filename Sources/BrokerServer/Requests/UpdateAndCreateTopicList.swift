import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_AND_CREATE_TOPIC_LIST (18): topics as a list of their configurations. All are checked before the first is
    /// saved; answered when all are.
    func updateAndCreateTopicList(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let topics = try Self.list(request, "topicConfigList") { json throws(ModelError) in
            try TopicConfig(json: json)
        }
        let checked = try topics.map { topic in
            // Attributes come as a table of the values that the topic shall have.
            let attributes = topic.attributes.map { key, value in
                key.hasPrefix("+") || key.hasPrefix("-")
                    ? key + (key.hasPrefix("+") ? "=\(value)" : "") : "+\(key)=\(value)"
            }
            return try checkedTopic(
                CreateTopicRequestHeader(
                    topic: topic.name, defaultTopic: NameRules.autoCreateTopic, readQueueCount: topic.readQueueCount,
                    writeQueueCount: topic.writeQueueCount, permission: topic.permission.rawValue,
                    topicFilterType: topic.filterType.rawValue, topicSysFlag: topic.sysFlag,
                    isOrdered: topic.isOrdered, attributes: attributes.sorted().joined(separator: ",")))
        }
        save(checked[...], request, connection)
    }

    private func save(
        _ topics: ArraySlice<TopicConfig>, _ request: RemotingCommand, _ connection: RemotingServerConnection
    ) {
        guard let topic = topics.first else { return connection.respond(to: request, code: .success) }
        broker.topics.update(topic) { [self] saved in
            switch saved {
            case .success: save(topics.dropFirst(), request, connection)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }

    /// Most entries of one list request.
    private static var listCountMax: Int { 10_000 }

    /// The entries of a body that holds one list.
    static func list<Entry>(
        _ request: RemotingCommand, _ key: String, _ decode: (JSONValue) throws(ModelError) -> Entry
    ) throws(ServiceError) -> [Entry] {
        do throws(ModelError) {
            let json: JSONValue
            do throws(JSONError) {
                json = try JSONValue(parsing: request.body.readableBytesView)
            } catch {
                throw ModelError(.invalidField, error.message)
            }
            let elements = try JSONFields(json, of: "request").array(key) ?? []
            guard !elements.isEmpty, elements.count <= listCountMax else {
                throw ModelError(.invalidField, "\(key) must have 1 to \(listCountMax) entries")
            }
            var entries: [Entry] = []
            for element in elements { entries.append(try decode(element)) }
            return entries
        } catch {
            throw ServiceError(code: .invalidParameter, message: error.message)
        }
    }
}
