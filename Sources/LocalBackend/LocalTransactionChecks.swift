import BrokerServer
import ProxyServer

extension LocalBackend {
    /// Has the broker in this process ask the producers of the proxy about their transactions, without a connection.
    package static func passChecks(of broker: Broker, to producers: ProducerStreams) {
        let brokerName = broker.configuration.brokerName
        broker.localProducers.set(
            knows: { producers.knows($0) },
            ask: { group, check in
                producers.ask(
                    OrphanedTransaction(
                        topic: group, record: check.record, brokerName: brokerName, queueOffset: check.queueOffset,
                        logOffset: check.logOffset))
            })
    }
}
