import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// Carries out administrative commands on a cluster, by way of its name servers. One file per command; none prints.
package struct AdminClient: Sendable {
    /// The settings of queue orders in name servers.
    static let orderTopicNamespace = "ORDER_TOPIC_CONFIG"

    let client: RemotingClient
    /// Asked in this order; settings go to all of them.
    package let nameServers: [HostPort]
    let timeoutMillis: Int64

    /// A client for one cluster; it uses, and does not own, the remoting client.
    package init(client: RemotingClient, nameServers: [HostPort], timeoutMillis: Int64 = 5_000) {
        self.client = client
        self.nameServers = nameServers
        self.timeoutMillis = timeoutMillis
    }

    /// The same client with another time for each answer.
    package func waiting(millis: Int64) -> AdminClient {
        AdminClient(client: client, nameServers: nameServers, timeoutMillis: millis)
    }

    // MARK: - Calls

    /// Asks the name servers one after the other until one answers.
    func callNameServer(
        _ code: RequestCode, _ header: some RemotingHeader = EmptyHeader(), body: ByteBuffer? = nil
    ) async throws(AdminError) -> RemotingCommand {
        var failures: [String] = []
        for address in nameServers {
            do throws(RemotingError) {
                return try await client.callAsync(
                    address, code: code, header: header, body: body, timeoutMillis: timeoutMillis)
            } catch {
                failures.append(error.message)
            }
        }
        let reasons = failures.isEmpty ? "none is configured" : failures.joined(separator: "; ")
        throw AdminError(.unreachable, "no name server answers: \(reasons)")
    }

    /// Sends a change to every name server, since they know nothing of each other.
    func callEveryNameServer(
        _ code: RequestCode, _ header: some RemotingHeader
    ) async throws(AdminError) {
        guard !nameServers.isEmpty else { throw AdminError(.unreachable, "no name server is configured") }
        for address in nameServers {
            _ = try await call(address, code, header)
        }
    }

    /// How long an answer may take that a broker gets from a client first.
    private static let relayedMillisMax: Int64 = 15_000

    /// Asks a server and demands success.
    func call(
        _ address: HostPort, _ code: RequestCode, _ header: some RemotingHeader = EmptyHeader(),
        body: ByteBuffer? = nil, isRelayed: Bool = false
    ) async throws(AdminError) -> RemotingCommand {
        let answer = try await ask(address, code, header, body: body, isRelayed: isRelayed)
        return try Self.successful(answer, from: "\(address)")
    }

    /// Asks a server; whatever it answers.
    func ask(
        _ address: HostPort, _ code: RequestCode, _ header: some RemotingHeader, body: ByteBuffer? = nil,
        isRelayed: Bool = false
    ) async throws(AdminError) -> RemotingCommand {
        do throws(RemotingError) {
            return try await client.callAsync(
                address, code: code, header: header, body: body,
                timeoutMillis: isRelayed ? Self.relayedMillisMax : timeoutMillis)
        } catch {
            throw AdminError(.unreachable, error.message)
        }
    }

    /// Asks a broker, given as it registered.
    func callBroker(
        _ address: String, _ code: RequestCode, _ header: some RemotingHeader = EmptyHeader(), body: ByteBuffer? = nil,
        isRelayed: Bool = false
    ) async throws(AdminError) -> RemotingCommand {
        try await call(try Self.brokerAddress(address), code, header, body: body, isRelayed: isRelayed)
    }

    /// A broker's address as it registered.
    static func brokerAddress(_ text: String) throws(AdminError) -> HostPort {
        guard let address = HostPort(parsing: text) else {
            throw AdminError(.invalidArgument, "\(text) is not a broker address, host:port expected")
        }
        return address
    }

    static func successful(_ answer: RemotingCommand, from source: String) throws(AdminError) -> RemotingCommand {
        guard answer.responseCode == .success else { throw refusal(answer, from: source) }
        return answer
    }

    /// An answer that is not a success, as an error.
    static func refusal(_ answer: RemotingCommand, from source: String) -> AdminError {
        AdminError(
            .refused, "\(source) answers \(answer.responseCode) (\(answer.code)): \(answer.remark ?? "")",
            response: answer.responseCode)
    }

    /// Reads an answer's body.
    static func decode<Body: JSONBody>(
        _ type: Body.Type, _ answer: RemotingCommand
    ) throws(AdminError) -> Body {
        do throws(RemotingCodecError) {
            return try Body(decoding: answer.body)
        } catch {
            throw AdminError(.badAnswer, error.message)
        }
    }

    // MARK: - Where things are

    /// All brokers and clusters.
    package func clusterInfo() async throws(AdminError) -> ClusterInfo {
        let answer = try await callNameServer(.getBrokerClusterInfo)
        return try Self.decode(ClusterInfo.self, try Self.successful(answer, from: "name server"))
    }

    /// The route of a topic, nil when no broker has it.
    package func route(of topic: String) async throws(AdminError) -> TopicRoute? {
        let header = GetRouteInfoRequestHeader(topic: topic, acceptStandardJsonOnly: true)
        let answer = try await callNameServer(.getRouteinfoByTopic, header)
        if answer.responseCode == .topicNotExist { return nil }
        return try Self.decode(TopicRoute.self, try Self.successful(answer, from: "name server"))
    }

    /// The brokers of a cluster in alphabetical order.
    func brokers(ofCluster cluster: String, in info: ClusterInfo) throws(AdminError) -> [BrokerRoute] {
        guard let names = info.clusters[cluster] else {
            throw AdminError(
                .notFound,
                "Make sure the specified clusterName exists or the nameserver which connected is correct: \(cluster)")
        }
        return names.sorted().compactMap { info.brokers[$0] }
    }

    /// The brokers of a cluster that have a master; a cluster without any is an error.
    func masters(ofCluster cluster: String, in info: ClusterInfo) throws(AdminError) -> [(
        name: String, address: String
    )] {
        let masters = try brokers(ofCluster: cluster, in: info).compactMap { broker in
            broker.masterAddress.map { (name: broker.brokerName, address: $0) }
        }
        guard !masters.isEmpty else { throw AdminError(.notFound, "cluster \(cluster) has no master") }
        return masters
    }

    /// The addresses that a command goes to: the one given, or all masters of the cluster given.
    package func targets(_ target: BrokerTarget) async throws(AdminError) -> [String] {
        if case .broker(let address) = target { return [address] }
        return try targets(target, in: try await clusterInfo())
    }

    /// The same where the clusters are known.
    func targets(_ target: BrokerTarget, in info: ClusterInfo) throws(AdminError) -> [String] {
        switch target {
        case .broker(let address): return [address]
        case .cluster(let cluster): return try masters(ofCluster: cluster, in: info).map(\.address)
        case .wholeCluster(let cluster):
            let addresses = try brokers(ofCluster: cluster, in: info).flatMap { broker in
                broker.addresses.sorted { $0.key < $1.key }.map(\.value)
            }
            guard !addresses.isEmpty else { throw AdminError(.notFound, "cluster \(cluster) has no broker") }
            return addresses
        }
    }
}

/// Which brokers a change goes to.
package enum BrokerTarget: Sendable, Hashable {
    /// One broker, by address.
    case broker(String)
    /// All masters of a cluster.
    case cluster(String)
    /// All brokers of a cluster, slaves too.
    case wholeCluster(String)
}
