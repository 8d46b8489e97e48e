import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_BROKER_CONFIG (26): the values in force as property text, and their version.
    func getBrokerConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let listing = broker.live.listing
        connection.respond(
            to: request, code: .success,
            header: GetBrokerConfigResponseHeader(version: listing.version.json.serializedText),
            body: ByteBuffer(string: listing.text))
    }
}
