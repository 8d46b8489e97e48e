import RemotingCodec

extension NameServer {
    /// DELETE_TOPIC_IN_NAMESRV 216.
    func deleteTopic(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(DeleteTopicInNameServerRequestHeader.self)
        state.withLockedValue { $0.routes.deleteTopic(header.topic, cluster: header.clusterName) }
        logger.info("topic removed from routes", metadata: ["topic": "\(header.topic)"])
        return NameServerAnswer()
    }
}
