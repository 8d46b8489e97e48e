import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_CONSUMER_RUNNING_INFO (307): asked of the client, whose answer goes back as it is.
    func getConsumerRunningInfo(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetConsumerRunningInfoRequestHeader.self)
        try relay(
            request, group: header.consumerGroup, clientID: header.clientId, header: header, body: nil,
            question: .runningInfo(isTraceWanted: header.jstackEnable ?? false), from: connection)
    }
}
