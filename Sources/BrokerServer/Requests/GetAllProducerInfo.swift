import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_ALL_PRODUCER_INFO (328): all connected producers by group.
    func getAllProducerInfo(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let groups = broker.clients.ask(\.producers)
        let table = groups.mapValues { members in
            members.values.map { member in
                ProducerTable.Producer(
                    connection: [member.identity].clientConnections[0], lastUpdateMillis: member.lastSeenMillis)
            }
            .sorted { $0.connection.clientId < $1.connection.clientId }
        }
        connection.respond(to: request, code: .success, body: ProducerTable(groups: table).encode())
    }
}
