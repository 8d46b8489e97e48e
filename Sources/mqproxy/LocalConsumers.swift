import BrokerServer
import ClusterBackend
import MessageModel
import ProxyServer
import RemotingCodec

extension ProxiedConsumers {
    /// Has the broker in this process ask the consumers of the proxy, without a connection.
    func pass(to consumers: ConsumerStreams) {
        setLocal(
            members: { group in consumers.members(of: group).map(\.announcement) },
            ask: { member, question, completion in
                let key = StreamedConsumer.Key(group: member.group, clientID: member.clientID)
                guard let consumer = consumers.consumer(key) else { return false }
                switch question {
                case .runningInfo(isTraceWanted: false):
                    completion(.success(consumer.runningInfo(stackTrace: nil)))
                    return true
                case .runningInfo(isTraceWanted: true):
                    return consumers.ask(key, .stackTrace) { completion(Self.answer($0, of: consumer)) }
                case .consume(let topic, let record):
                    return consumers.ask(key, .consume(topic: topic, record: record)) {
                        completion(Self.answer($0, of: consumer))
                    }
                }
            })
    }

    private static func answer(
        _ result: Result<ConsumerAnswer, ProxyError>, of consumer: StreamedConsumer
    ) -> Answer {
        switch result {
        case .success(.stackTrace(let text)): .success(consumer.runningInfo(stackTrace: text))
        case .success(.consumed(let status, let spentMillis)):
            .success(ConsumeDirectlyResult(status, spentMillis: spentMillis, isOrdered: consumer.isOrdered))
        case .failure(let error):
            .failure(ServiceError(code: error.questionCode, message: error.message))
        }
    }
}
