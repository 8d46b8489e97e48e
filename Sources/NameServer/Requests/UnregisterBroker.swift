import MessageModel
import RemotingCodec

extension NameServer {
    /// UNREGISTER_BROKER 104: the broker stops in good order.
    func unregisterBroker(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(UnregisterBrokerRequestHeader.self)
        let process = BrokerProcess(cluster: header.clusterName, address: header.brokerAddr)
        state.withLockedValue { $0.routes.unregister(process, brokerName: header.brokerName) }
        logger.info(
            "broker unregistered", metadata: ["broker": "\(header.brokerName)", "address": "\(header.brokerAddr)"])
        return NameServerAnswer()
    }
}
