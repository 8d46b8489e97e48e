import MessageModel
import RemotingCodec

extension NameServer {
    /// QUERY_DATA_VERSION 322: whether the broker has to register again; also a sign of life.
    func queryDataVersion(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(QueryDataVersionRequestHeader.self)
        let version = try DataVersion(decoding: request.body)
        let process = BrokerProcess(cluster: header.clusterName, address: header.brokerAddr)
        let now = nowMillis()
        let (changed, known) = state.withLockedValue {
            $0.routes.compareDataVersion(of: process, with: version, nowMillis: now)
        }
        return NameServerAnswer(
            header: QueryDataVersionResponseHeader(hasChanged: changed), body: known?.encode())
    }
}
