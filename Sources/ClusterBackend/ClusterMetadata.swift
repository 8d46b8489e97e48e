import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Asks name servers for routes and brokers for configurations.
package final class ClusterMetadata: MetadataSource {
    private let client: RemotingClient
    private let nameServers: [HostPort]
    let clusterName: String
    private let timeoutMillis: Int64
    private let clock: ProxyClock
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    private struct State {
        /// The name server that answered last.
        var preferred = 0
        var brokers: [HostPort] = []
        var brokersUntilMillis: Int64 = 0
        var nextBroker = 0
    }

    /// How long the list of the cluster's brokers is believed.
    private static let brokerListMillis: Int64 = 20_000
    /// Brokers asked for a group before giving up.
    private static let brokerAttemptsMax = 3

    /// A source that asks over `client`.
    package init(
        client: RemotingClient, nameServers: [HostPort], clusterName: String, timeoutMillis: Int64, clock: ProxyClock,
        logger: Logger
    ) {
        precondition(!nameServers.isEmpty, "a cluster needs a name server")
        self.client = client
        self.nameServers = nameServers
        self.clusterName = clusterName
        self.timeoutMillis = timeoutMillis
        self.clock = clock
        self.logger = logger
    }

    // MARK: Topics

    /// GET_ROUTEINFO_BY_TOPIC, then GET_TOPIC_CONFIG at a broker for the topic's kind.
    package func fetchTopic(_ name: String) async throws(ProxyError) -> TopicSnapshot? {
        guard let route = try await route(name) else { return nil }
        if route.brokers.isEmpty || route.queues.isEmpty { return nil }
        return TopicSnapshot(name: name, route: route, messageType: await messageType(name, route))
    }

    /// The kind of the topic as one of its brokers knows it; unspecified when none can tell.
    private func messageType(_ name: String, _ route: TopicRoute) async -> TopicMessageType {
        for broker in route.brokers.shuffled().prefix(2) {
            guard let address = broker.preferredAddress.flatMap(HostPort.init(parsing:)) else { continue }
            do throws(RemotingError) {
                let answer = try await client.callAsync(
                    address, code: .getTopicConfig, header: GetTopicConfigRequestHeader(topic: name),
                    timeoutMillis: timeoutMillis)
                guard answer.code == ResponseCode.success.rawValue,
                    let config = try? TopicConfig(decoding: answer.body)
                else { continue }
                return config.messageType
            } catch {
                logger.debug(
                    "a broker did not tell a topic's kind", metadata: ["topic": "\(name)", "reason": "\(error)"])
            }
        }
        return .unspecified
    }

    // MARK: Groups

    /// GET_SUBSCRIPTIONGROUP_CONFIG at a broker of the cluster.
    package func fetchGroup(_ name: String) async throws(ProxyError) -> SubscriptionGroupConfig? {
        let brokers = try await clusterBrokers()
        guard !brokers.isEmpty else {
            throw ProxyError(.internalServerError, "cluster \(clusterName) has no brokers now")
        }
        let first = state.withLockedValue { state in
            state.nextBroker &+= 1
            return (state.nextBroker & Int.max) % brokers.count
        }
        var failure = ProxyError(.internalServerError, "no broker tells about group \(name)")
        for attempt in 0..<min(brokers.count, Self.brokerAttemptsMax) {
            let address = brokers[(first + attempt) % brokers.count]
            do throws(RemotingError) {
                let answer = try await client.callAsync(
                    address, code: .getSubscriptiongroupConfig,
                    header: GetSubscriptionGroupConfigRequestHeader(group: name), timeoutMillis: timeoutMillis)
                let code = ResponseCode(rawValue: answer.code)
                if code == .subscriptionGroupNotExist { return nil }
                if code == .success, let config = try? SubscriptionGroupConfig(decoding: answer.body) { return config }
                failure = Self.failure(code, answer)
            } catch {
                failure = BackendErrors.error(error)
            }
        }
        throw failure
    }

    /// Masters of the cluster; of every cluster when the configured one is unknown.
    private func clusterBrokers() async throws(ProxyError) -> [HostPort] {
        let now = clock.uptimeMillis()
        let known = state.withLockedValue { $0.brokersUntilMillis > now ? $0.brokers : [] }
        if !known.isEmpty { return known }
        let brokers = try await clusterRoutes().values.sorted { $0.brokerName < $1.brokerName }
            .compactMap { $0.preferredAddress.flatMap(HostPort.init(parsing:)) }
        state.withLockedValue { state in
            state.brokers = brokers
            state.brokersUntilMillis = now + Self.brokerListMillis
        }
        return brokers
    }

    // MARK: Probe

    /// A name server, then any broker of the cluster, dead ones passed over. Whatever they answer, they are there.
    package func probe() async throws(ProxyError) {
        state.withLockedValue { $0.brokersUntilMillis = 0 }
        let brokers = try await clusterBrokers()
        var failure = ProxyError(.internalServerError, "cluster \(clusterName) has no brokers now")
        for address in brokers.shuffled().prefix(Self.brokerAttemptsMax) {
            do throws(RemotingError) {
                _ = try await client.callAsync(
                    address, code: .getMaxOffset,
                    header: GetMaxOffsetRequestHeader(topic: NameRules.autoCreateTopic, queueId: 0),
                    timeoutMillis: min(timeoutMillis, Self.probeMillis))
                return
            } catch {
                failure = BackendErrors.error(error)
            }
        }
        throw failure
    }

    private static let probeMillis: Int64 = 1_000

    // MARK: Name servers

    /// Asks the name server that answered last, then the others.
    func askNameServer(
        _ code: RequestCode, _ header: some RemotingHeader
    ) async throws(ProxyError) -> RemotingCommand {
        let first = state.withLockedValue { $0.preferred }
        var failure = ProxyError(.internalServerError, "no name server answers")
        for attempt in 0..<nameServers.count {
            let index = (first + attempt) % nameServers.count
            do throws(RemotingError) {
                let answer = try await client.callAsync(
                    nameServers[index], code: code, header: header, timeoutMillis: timeoutMillis)
                // A server that just started knows nothing yet; a busy one may be asked again.
                if answer.code == ResponseCode.systemBusy.rawValue || answer.code == ResponseCode.systemError.rawValue {
                    failure = Self.failure(ResponseCode(rawValue: answer.code), answer)
                    continue
                }
                state.withLockedValue { $0.preferred = index }
                return answer
            } catch {
                failure = BackendErrors.error(error)
            }
        }
        throw failure
    }

    static func failure(_ code: ResponseCode, _ answer: RemotingCommand) -> ProxyError {
        let status = StatusMapping.status(for: code, remark: answer.remark)
        return ProxyError(status.code, status.message)
    }
}
