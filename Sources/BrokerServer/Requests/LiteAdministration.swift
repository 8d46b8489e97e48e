import DeliveryEngine
import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// What tools ask about lite topics: GET_BROKER_LITE_INFO (200074) to TRIGGER_LITE_DISPATCH (200079). False for other
    /// requests.
    func routeLiteAdministration(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .getBrokerLiteInfo, .getParentTopicInfo, .getLiteTopicInfo, .getLiteClientInfo, .getLiteGroupInfo,
            .triggerLiteDispatch:
            let header = try request.header(LiteInfoRequestHeader.self)
            // They may look at every lite topic.
            try onWorker(request, connection) { [self] in
                let info = try liteInfo(request.requestCode, header)
                connection.respond(
                    to: request, code: .success, body: info.map { LiteInfoBody(json: $0).encode(.standard) })
            }
            return true
        default: return false
        }
    }

    private func liteInfo(_ code: RequestCode, _ header: LiteInfoRequestHeader) throws(ServiceError) -> JSONValue? {
        let lite = broker.lite
        func required(_ value: String?, _ name: String) throws(ServiceError) -> String {
            guard let value, !value.isEmpty else {
                throw ServiceError(code: .invalidParameter, message: "\(name) is missing")
            }
            return value
        }
        switch code {
        case .getBrokerLiteInfo: return lite.brokerInfo(groups: Array(broker.groups.snapshot.groups.values))
        case .getParentTopicInfo:
            return try lite.parentInfo(
                try required(header.topic, "topic"), groups: Array(broker.groups.snapshot.groups.values))
        case .getLiteTopicInfo:
            return try lite.topicInfo(
                parent: try required(header.parentTopic, "parentTopic"),
                lite: try required(header.liteTopic, "liteTopic"))
        case .getLiteClientInfo:
            let key = LiteClientKey(
                group: try required(header.group, "group"), clientID: try required(header.clientId, "clientId"))
            return try lite.clientInfo(
                key, parent: try required(header.parentTopic, "parentTopic"), max: Int(header.maxCount ?? 1_000))
        case .getLiteGroupInfo:
            return try lite.groupInfo(
                try required(header.group, "group"), lite: header.liteTopic, max: Int(header.topK ?? 20))
        default:
            try lite.triggerDispatch(
                group: try required(header.group, "group"),
                clientID: header.clientId.flatMap { $0.isEmpty ? nil : $0 })
            return nil
        }
    }
}
