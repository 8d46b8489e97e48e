import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// UPDATE_BROKER_CONFIG (25): changes settings of the running broker, as property text; answered when the
    /// configuration file has them.
    func updateBrokerConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [broker, logger] in
            let outcome = try broker.live.change(Array(request.body.readableBytesView))
            for (key, value) in outcome.changed.sorted(by: { $0.key < $1.key }) {
                logger.notice("setting changed", metadata: ["key": "\(key)", "value": "\(value)"])
            }
            // What name servers tell of the topics depends on it.
            if outcome.changed["brokerPermission"] != nil { broker.topics.announceAll { _ in } }
            connection.respond(to: request, code: .success, remark: outcome.remark)
        }
    }
}
