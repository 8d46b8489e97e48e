import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_BROKER_HA_STATUS (907): the replicas and how far they are.
    func getBrokerHAStatus(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        var status = ReplicationStatus(isMaster: true, logEnd: broker.store.maxLogOffset)
        status.replicas = broker.replication.status(logEnd: status.logEnd)
        connection.respond(to: request, code: .success, body: status.encode())
    }
}
