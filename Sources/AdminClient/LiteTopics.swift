import MessageModel
import RemotingCodec

/// What one broker tells about lite topics.
package struct LiteAnswer: Sendable {
    /// The broker's name, or its address where that is not known.
    package var broker: String
    /// What it tells; null for a request that has no answer but success.
    package var info: JSONValue
}

/// What is asked about the lite topics of a parent.
package enum LiteQuestion: Sendable {
    /// The parent itself.
    case parent
    /// One lite topic.
    case topic(String)
    /// One client of a group.
    case client(group: String, clientID: String)
    /// How far a group is behind, in one lite topic or where it is most.
    case group(String, lite: String?, max: Int32)
    /// No question: the clients of a group look at all their lite topics.
    case dispatch(group: String, clientID: String?)

    func request(parent: String) -> (RequestCode, LiteInfoRequestHeader) {
        var header = LiteInfoRequestHeader()
        switch self {
        case .parent:
            header.topic = parent
            return (.getParentTopicInfo, header)
        case .topic(let lite):
            header.parentTopic = parent
            header.liteTopic = lite
            return (.getLiteTopicInfo, header)
        case .client(let group, let clientID):
            header.parentTopic = parent
            header.group = group
            header.clientId = clientID
            header.maxCount = 1_000
            return (.getLiteClientInfo, header)
        case .group(let group, let lite, let max):
            header.group = group
            header.liteTopic = lite
            header.topK = max
            return (.getLiteGroupInfo, header)
        case .dispatch(let group, let clientID):
            header.group = group
            header.clientId = clientID
            return (.triggerLiteDispatch, header)
        }
    }
}

extension AdminClient {
    /// Asks the brokers of a parent topic, or one of them.
    package func liteInfo(
        _ question: LiteQuestion, parent: String, broker: String? = nil
    ) async throws(AdminError) -> [LiteAnswer] {
        let (code, header) = question.request(parent: parent)
        guard let route = try await route(of: parent) else {
            throw AdminError(.notFound, "no route for topic \(parent)")
        }
        var answers: [LiteAnswer] = []
        for place in route.brokers.sorted(by: { $0.brokerName < $1.brokerName })
        where broker == nil || broker == place.brokerName {
            guard let address = place.masterAddress else { continue }
            answers.append(try await liteInfo(code, header, name: place.brokerName, address: address))
        }
        guard !answers.isEmpty else { throw AdminError(.notFound, "the topic \(parent) is on no such broker") }
        return answers
    }

    /// GET_BROKER_LITE_INFO at a broker, or at all of a cluster.
    package func brokerLiteInfo(on target: BrokerTarget) async throws(AdminError) -> [LiteAnswer] {
        var answers: [LiteAnswer] = []
        for address in try await targets(target) {
            answers.append(
                try await liteInfo(.getBrokerLiteInfo, LiteInfoRequestHeader(), name: address, address: address))
        }
        return answers
    }

    private func liteInfo(
        _ code: RequestCode, _ header: LiteInfoRequestHeader, name: String, address: String
    ) async throws(AdminError) -> LiteAnswer {
        let answer = try await callBroker(address, code, header)
        guard answer.body.readableBytes > 0 else { return LiteAnswer(broker: name, info: .null) }
        return LiteAnswer(broker: name, info: try Self.decode(LiteInfoBody.self, answer).json)
    }
}
