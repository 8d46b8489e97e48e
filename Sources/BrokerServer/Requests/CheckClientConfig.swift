import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// CHECK_CLIENT_CONFIG (46): whether the broker can filter by a consumer's expression. Tags always work; an SQL92
    /// expression is compiled to see whether it is one.
    func checkClientConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let body: JSONValue
        do {
            body = try JSONValue(parsing: request.body.readableBytesView)
        } catch {
            throw ServiceError(code: .systemError, message: error.message)
        }
        let type = body["subscriptionData"]?["expressionType"]?.text ?? "TAG"
        if type == "TAG" || type.isEmpty { return connection.respond(to: request, code: .success) }
        guard type == "SQL92", broker.configuration.enablePropertyFilter else {
            throw ServiceError(
                code: .systemError, message: "The broker does not support consumer to filter message by \(type)")
        }
        _ = try MessageFilter(type: type, expression: body["subscriptionData"]?["subString"]?.text)
        connection.respond(to: request, code: .success)
    }
}
