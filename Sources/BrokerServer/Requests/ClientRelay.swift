import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// Longest wait for a client's answer; mqadmin itself waits for 5 s.
    static var relayMillisMax: Int64 { 10_000 }

    /// Sends a request on to a client of a consumer group, and its answer back.
    func relay(
        _ request: RemotingCommand, group: String, clientID: String?, header: some RemotingHeader, body: ByteBuffer?,
        from connection: RemotingServerConnection
    ) throws(ServiceError) {
        guard let clientID, let target = broker.clients.connection(group: group, clientID: clientID) else {
            throw ServiceError(
                code: .systemError, message: "The Consumer <\(group)> <\(clientID ?? "")> not online")
        }
        target.connection.call(
            code: request.requestCode, header: header, body: body, timeoutMillis: Self.relayMillisMax
        ) { result in
            switch result {
            case .success(let answer):
                connection.respond(to: request, code: answer.responseCode, remark: answer.remark, body: answer.body)
            case .failure(let error):
                // CONSUME_MSG_TIMEOUT is what Apache's brokers answer for a client that does not.
                connection.respond(
                    to: request, code: .consumeMsgTimeout,
                    remark: "consumer <\(group)> <\(clientID)> does not answer: \(error.message)")
            }
        }
    }
}
