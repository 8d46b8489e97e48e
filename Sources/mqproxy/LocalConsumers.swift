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
                func ask(_ question: ConsumerQuestion) -> Bool {
                    consumers.ask(key, question) { completion(consumer.body(of: $0, to: question)) }
                }
                switch question {
                case .runningInfo(isTraceWanted: false):
                    completion(.success(consumer.runningInfo(stackTrace: nil)))
                    return true
                case .runningInfo(isTraceWanted: true):
                    return ask(.stackTrace)
                case .consume(let topic, let record):
                    return ask(.consume(topic: topic, record: record))
                }
            })
    }
}
