import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_BROKER_CONFIG (26): the effective values as property text.
    func getBrokerConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let version = #"{"counter":0,"stateVersion":0,"timestamp":\#(broker.bootMillis)}"#
        connection.respond(
            to: request, code: .success, header: GetBrokerConfigResponseHeader(version: version),
            body: ByteBuffer(string: broker.configuration.listing))
    }
}
