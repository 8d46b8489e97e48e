import MessageModel
import ProtoMessages
import ProxyServer
import RemotingCodec

/// Routes as the name server has them.
extension ClusterMetadata {
    /// GET_ROUTEINFO_BY_TOPIC; `nil` when there is no such topic.
    package func route(_ topic: String) async throws(ProxyError) -> TopicRoute? {
        let header = GetRouteInfoRequestHeader(topic: topic, acceptStandardJsonOnly: true)
        let answer = try await askNameServer(.getRouteinfoByTopic, header)
        let code = ResponseCode(rawValue: answer.code)
        if code == .topicNotExist { return nil }
        guard code == .success else { throw Self.failure(code, answer) }
        do throws(RemotingCodecError) {
            return try TopicRoute(decoding: answer.body)
        } catch {
            throw ProxyError(.internalServerError, "the name server's route cannot be read: \(error.message)")
        }
    }

    /// The brokers of the cluster by name; those of every cluster when the configured one is unknown.
    func clusterRoutes() async throws(ProxyError) -> [String: BrokerRoute] {
        let answer = try await askNameServer(.getBrokerClusterInfo, EmptyHeader())
        guard answer.code == ResponseCode.success.rawValue else {
            throw Self.failure(ResponseCode(rawValue: answer.code), answer)
        }
        let info: ClusterInfo
        do throws(RemotingCodecError) {
            info = try ClusterInfo(decoding: answer.body)
        } catch {
            throw ProxyError(.internalServerError, "the cluster's brokers cannot be read: \(error.message)")
        }
        let names = info.clusters[clusterName].map { Set($0) }
        return info.brokers.filter { names?.contains($0.key) ?? true }
    }
}
