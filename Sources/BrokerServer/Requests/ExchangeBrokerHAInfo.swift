import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// EXCHANGE_BROKER_HA_INFO (906): a slave of Apache's asks where it gets the log, and how much of it is on the disk.
    func exchangeBrokerHAInfo(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        guard try request.header(ExchangeBrokerHAInfoHeader.self).masterHaAddress == nil else {
            // Only slaves are told.
            throw ServiceError(code: .systemError, message: "this broker is a master")
        }
        let configuration = broker.configuration
        connection.respond(
            to: request, code: .success,
            header: ExchangeBrokerHAInfoHeader(
                masterHaAddress: configuration.replicationAddress, masterFlushOffset: broker.store.flushedLogOffset,
                masterAddress: configuration.advertisedAddress))
    }
}
