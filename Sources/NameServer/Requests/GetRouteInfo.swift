import MessageModel
import RemotingCodec

extension NameServer {
    /// GET_ROUTEINFO_BY_TOPIC 105: standard JSON for those who can read it, fastjson's own form for older clients.
    func getRouteInfo(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(GetRouteInfoRequestHeader.self)
        if isWarmingUp { throw ServiceError(code: .systemError, message: "name server not ready") }
        let found = state.withLockedValue { state -> TopicRoute? in
            var route = state.routes.route(of: header.topic)
            if state.configuration.orderMessageEnable {
                route?.orderTopicConf = state.settings[SettingsTable.orderTopicNamespace, header.topic]
            }
            return route
        }
        guard let route = found else {
            throw ServiceError(
                code: .topicNotExist,
                message: "No topic route info in name server for the topic: \(header.topic)\n"
                    + "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.")
        }
        return NameServerAnswer(
            body: route.encode(
                requesterVersion: request.version, acceptsStandardOnly: header.acceptStandardJsonOnly == true))
    }
}
