import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// CHECK_CLIENT_CONFIG (46): whether the broker can filter by a consumer's expression. Tags always work; SQL92 is
    /// off, as it is in Apache unless `enablePropertyFilter` is set.
    func checkClientConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let body: JSONValue
        do {
            body = try JSONValue(parsing: request.body.readableBytesView)
        } catch {
            throw ServiceError(code: .systemError, message: error.message)
        }
        let type = body["subscriptionData"]?["expressionType"]?.text ?? "TAG"
        guard type == "TAG" || type.isEmpty else {
            throw ServiceError(
                code: .systemError, message: "The broker does not support consumer to filter message by \(type)")
        }
        connection.respond(to: request, code: .success)
    }
}
