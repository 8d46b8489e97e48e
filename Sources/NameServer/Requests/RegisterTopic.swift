import MessageModel
import RemotingCodec

extension NameServer {
    /// REGISTER_TOPIC_IN_NAMESRV 217: one topic of brokers that are registered already.
    func registerTopic(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(RegisterTopicInNameServerRequestHeader.self)
        guard request.body.readableBytes > 0 else { return NameServerAnswer() }
        let route = try TopicRoute(decoding: request.body)
        let result = state.withLockedValue { state -> Result<Void, ServiceError> in
            do throws(ServiceError) {
                return .success(try state.routes.registerTopic(header.topic, queues: route.queues))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        return NameServerAnswer()
    }
}
