import MessageModel
import RemotingCodec

extension NameServer {
    /// GET_ALL_TOPIC_LIST_FROM_NAMESERVER 206.
    func getAllTopicList() throws -> NameServerAnswer {
        guard state.withLockedValue({ $0.configuration.enableAllTopicList }) else { throw Self.disabled }
        return Self.topicList(state.withLockedValue { $0.routes.topicNames })
    }

    /// GET_TOPICS_BY_CLUSTER 224.
    func getTopicsByCluster(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(GetTopicsByClusterRequestHeader.self)
        try checkTopicListsEnabled()
        return Self.topicList(state.withLockedValue { $0.routes.topics(ofCluster: header.cluster) })
    }

    /// GET_SYSTEM_TOPIC_LIST_FROM_NS 304.
    func getSystemTopicList() -> NameServerAnswer {
        let (topics, address) = state.withLockedValue { $0.routes.systemTopics }
        return Self.topicList(topics, brokerAddress: address)
    }

    /// GET_UNIT_TOPIC_LIST 311, GET_HAS_UNIT_SUB_TOPIC_LIST 312, GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST 313.
    func getUnitTopicList(_ isWanted: (Int32) -> Bool) throws -> NameServerAnswer {
        try checkTopicListsEnabled()
        return Self.topicList(state.withLockedValue { $0.routes.topics(whereFlag: isWanted) })
    }

    private func checkTopicListsEnabled() throws {
        guard state.withLockedValue({ $0.configuration.enableTopicList }) else { throw Self.disabled }
    }

    private static let disabled = ServiceError(code: .systemError, message: "disable")

    private static func topicList(_ topics: [String], brokerAddress: String? = nil) -> NameServerAnswer {
        NameServerAnswer(body: TopicList(topics: topics, brokerAddress: brokerAddress).encode())
    }
}
