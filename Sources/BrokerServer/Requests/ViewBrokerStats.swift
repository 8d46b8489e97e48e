import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// VIEW_BROKER_STATS_DATA (315): what was counted under a name and key in the last minute, hour and day.
    func viewBrokerStats(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(ViewBrokerStatsRequestHeader.self)
        guard
            let data = broker.statistics.data(
                name: header.statsName, key: header.statsKey, nowMillis: broker.nowMillis())
        else {
            throw ServiceError(
                code: .systemError, message: "The stats <\(header.statsName)> <\(header.statsKey)> not exist")
        }
        connection.respond(to: request, code: .success, body: data.encode())
    }
}
