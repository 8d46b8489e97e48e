import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_ALL_CONSUMER_OFFSET (43): all committed offsets, in the form of their file.
    func getAllConsumerOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [broker] in
            let body = ByteBuffer(bytes: broker.delivery.offsets.json.serialize(unquotedIntegerKeys: true))
            try Self.checkSize(body)
            connection.respond(to: request, code: .success, body: body)
        }
    }
}
