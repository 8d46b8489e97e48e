import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// Longest wait for a client's answer.
    static var relayMillisMax: Int64 { 10_000 }

    /// Sends a request on to a client of a consumer group, and its answer back. A client that is connected to a proxy is asked
    /// through it.
    func relay(
        _ request: RemotingCommand, group: String, clientID: String?, header: some RemotingHeader, body: ByteBuffer?,
        question: @autoclosure () -> ProxiedConsumers.Question?, from connection: RemotingServerConnection
    ) throws(ServiceError) {
        guard let clientID else { throw Self.notOnline(group, "") }
        let member = ProxiedConsumers.Member(group: group, clientID: clientID)
        if let direct = broker.clients.connection(group: group, clientID: clientID)?.connection {
            return pass(request, member, header, body, to: direct, from: connection)
        }
        if let proxy = broker.proxiedConsumers.proxy(of: member) {
            return pass(request, member, header, body, to: proxy, from: connection)
        }
        let ticket = request.ticket
        if let question = question() {
            let isAsked = broker.proxiedConsumers.askLocal(member, question) { answer in
                switch answer {
                case .success(let body): connection.respond(to: ticket, code: .success, body: body.encode())
                case .failure(let error): connection.respond(to: ticket, code: error.code, remark: error.message)
                }
            }
            if isAsked { return }
        }
        throw Self.notOnline(group, clientID)
    }

    private static func notOnline(_ group: String, _ clientID: String) -> ServiceError {
        ServiceError(code: .systemError, message: "The Consumer <\(group)> <\(clientID)> not online")
    }

    private func pass(
        _ request: RemotingCommand, _ member: ProxiedConsumers.Member, _ header: some RemotingHeader,
        _ body: ByteBuffer?, to target: RemotingServerConnection, from connection: RemotingServerConnection
    ) {
        target.call(
            code: request.requestCode, header: header, body: body, timeoutMillis: Self.relayMillisMax
        ) { result in
            switch result {
            case .success(let answer):
                connection.respond(to: request, code: answer.responseCode, remark: answer.remark, body: answer.body)
            case .failure(let error):
                // CONSUME_MSG_TIMEOUT is what Apache's brokers answer for a client that does not.
                connection.respond(
                    to: request, code: .consumeMsgTimeout,
                    remark: "consumer <\(member.group)> <\(member.clientID)> does not answer: \(error.message)")
            }
        }
    }
}
