import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// One legacy client and its own connections to brokers, so that each broker sees it as a client of its own: who is in a
/// group, notices of changes and checks of transactions need nothing from the proxy.
// @unchecked: used on the connection's event loop only.
final class RelaySession: @unchecked Sendable {
    /// How long a client has to answer a request of a broker.
    private static let clientMillis: Int64 = 5_000

    let connection: RemotingServerConnection
    let client: RemotingClient

    init(connection: RemotingServerConnection, client: RemotingClient) {
        self.connection = connection
        self.client = client
        client.onServerRequest = { [connection] request, peer in Self.pass(request, from: peer, to: connection) }
    }

    /// Sends a broker's request on to the client, and its answer back.
    private static func pass(
        _ request: RemotingCommand, from peer: RemotingPeer, to connection: RemotingServerConnection
    ) {
        let header = RelayedHeader(fields: request.fields)
        guard !request.isOneway else {
            return connection.sendOneway(code: request.requestCode, header: header, body: request.body)
        }
        let ticket = request.ticket
        connection.call(
            code: request.requestCode, header: header, body: request.body, timeoutMillis: clientMillis
        ) { result in
            switch result {
            case .success(let answer):
                peer.respond(
                    to: ticket, code: answer.responseCode, remark: answer.remark,
                    header: RelayedHeader(fields: answer.fields), body: answer.body)
            case .failure(let error):
                peer.respond(to: ticket, code: .systemError, remark: error.message, header: EmptyHeader())
            }
        }
    }

    /// Sends a request on; one-way requests have no completion.
    func send(
        _ request: RemotingCommand, to address: HostPort, body: ByteBuffer? = nil, timeoutMillis: Int64,
        completion: @escaping RemotingClient.Completion
    ) {
        let header = RelayedHeader(fields: request.fields)
        let body = body ?? request.body
        if request.isOneway {
            client.sendOneway(address, code: request.requestCode, header: header, body: body)
        } else {
            client.call(
                address, code: request.requestCode, header: header, body: body, timeoutMillis: timeoutMillis,
                completion: completion)
        }
    }

    /// Answers the client with what a broker said.
    func answer(_ ticket: RequestTicket, _ result: Result<RemotingCommand, RemotingError>) {
        switch result {
        case .success(let answer):
            connection.respond(
                to: ticket, code: answer.responseCode, remark: answer.remark,
                header: RelayedHeader(fields: answer.fields), body: answer.body)
        case .failure(let error):
            connection.respond(
                to: ticket, code: error.code == .overloaded ? .systemBusy : .systemError, remark: error.message)
        }
    }
}
