import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// LITE_SUBSCRIPTION_CTL (200071): what clients subscribe to changes. They are told of losses on the connection that
    /// the request came on.
    func liteSubscriptionControl(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws {
        try broker.lite.control(
            try LiteSubscriptionBody(decoding: request.body).entries, channel: LiteChannel(connection))
        connection.respond(to: request, code: .success)
    }
}
