import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// The proxy's port for legacy clients: routes name the proxy as every broker's address, and what clients then ask is
/// passed to the broker that it is for. Nothing is kept but connections: each client has its own to the brokers, which
/// end with it, so any proxy serves any client and brokers see all clients as if they were connected to them.
package final class RemotingRelay: RemotingService {
    private let metadata: ClusterMetadata
    private let directory: BrokerDirectory
    private let advertised: HostPort?
    private let logger: Logger
    private let sessions = NIOLockedValueBox<[UInt64: RelaySession]>([:])

    /// A relay over a cluster. `advertised` is the address that clients are told; nil is the one that each dialled.
    package init(metadata: ClusterMetadata, advertised: HostPort?, clock: ProxyClock, logger: Logger) {
        self.metadata = metadata
        directory = BrokerDirectory(metadata: metadata, clock: clock)
        self.advertised = advertised
        self.logger = logger
    }

    // MARK: Connections

    /// Makes the client's own connections possible.
    package func connectionOpened(_ connection: RemotingServerConnection) {
        var settings = RemotingClientConfiguration()
        settings.headerFormat = .rocketmq
        let client = RemotingClient(eventLoop: connection.eventLoop, configuration: settings, logger: logger)
        let session = RelaySession(connection: connection, client: client)
        sessions.withLockedValue { $0[connection.id] = session }
    }

    /// Ends the client's connections to brokers.
    package func connectionClosed(_ connection: RemotingServerConnection) {
        let session = sessions.withLockedValue { $0.removeValue(forKey: connection.id) }
        session?.client.shutdown()
    }

    // MARK: Requests

    /// Passes a request on.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        guard let session = sessions.withLockedValue({ $0[connection.id] }) else {
            return connection.respond(to: request, code: .systemError, remark: "the connection is closing")
        }
        switch RelayRule(request) {
        case .route: route(request, session)
        case .everyBroker: everyBroker(request, session)
        case .anyBroker: anyBroker(request, session)
        case .locks: locks(request, session)
        case .broker(let timeoutMillis): oneBroker(request, session, timeoutMillis)
        case .unsupported:
            connection.respond(
                to: request, code: .requestCodeNotSupported,
                remark: "request code \(request.code) is not served by the proxy, ask a broker")
        }
    }

    /// Runs `body` on the session's loop with the cluster's brokers.
    private func withBrokers(
        _ session: RelaySession, isGood: @escaping @Sendable ([String: BrokerRoute]) -> Bool,
        _ body: @escaping @Sendable ([String: BrokerRoute]) -> Void
    ) {
        let loop = session.connection.eventLoop
        directory.brokers(isGood: isGood) { brokers in
            if loop.inEventLoop { body(brokers) } else { loop.execute { body(brokers) } }
        }
    }

    private func oneBroker(_ request: RemotingCommand, _ session: RelaySession, _ timeoutMillis: Int64) {
        guard let name = RelayRule.brokerName(request) else {
            return withoutName(request, session, timeoutMillis)
        }
        withBrokers(session, isGood: { $0[name] != nil }) { brokers in
            guard let address = brokers[name].flatMap(Self.address) else {
                return session.connection.respond(
                    to: request, code: .systemError, remark: "the cluster has no broker \(name) now")
            }
            session.send(request, to: address, timeoutMillis: timeoutMillis) { session.answer(request.ticket, $0) }
        }
    }

    /// Clients before 5.0 name no broker: with one broker for the topic there is no doubt.
    private func withoutName(_ request: RemotingCommand, _ session: RelaySession, _ timeoutMillis: Int64) {
        guard let topic = RelayRule.topic(request) else { return refuse(request, session) }
        Task { [metadata] in
            let route: TopicRoute?
            do throws(ProxyError) { route = try await metadata.route(topic) } catch { route = nil }
            session.connection.eventLoop.execute {
                guard let route, !route.queues.isEmpty else {
                    return session.connection.respond(
                        to: request, code: .topicNotExist, remark: "No topic route info for topic \(topic)")
                }
                guard route.brokers.count == 1, let address = Self.address(route.brokers[0]) else {
                    return self.refuse(request, session)
                }
                session.send(request, to: address, timeoutMillis: timeoutMillis) { session.answer(request.ticket, $0) }
            }
        }
    }

    private func refuse(_ request: RemotingCommand, _ session: RelaySession) {
        session.connection.respond(
            to: request, code: .versionNotSupported,
            remark: "the request names no broker (bname): use a client of version 5.0 or later, or the brokers' ports")
    }

    private static func address(_ broker: BrokerRoute) -> HostPort? {
        broker.preferredAddress.flatMap(HostPort.init(parsing:))
    }

    // MARK: Requests for several brokers

    private func everyBroker(_ request: RemotingCommand, _ session: RelaySession) {
        withBrokers(session, isGood: { !$0.isEmpty }) { brokers in
            let addresses = brokers.values.compactMap(Self.address)
            guard !addresses.isEmpty else {
                return session.connection.respond(to: request, code: .systemError, remark: "there are no brokers now")
            }
            // The answer of the last broker that took it is the client's; a broker that is down does not matter.
            let gathering = Gathering(count: addresses.count)
            for address in addresses {
                session.send(request, to: address, timeoutMillis: RelayRule.timeoutMillis) { result in
                    guard gathering.add(result) else { return }
                    session.answer(request.ticket, gathering.best)
                }
            }
        }
    }

    private func anyBroker(_ request: RemotingCommand, _ session: RelaySession) {
        withBrokers(session, isGood: { !$0.isEmpty }) { brokers in
            let addresses = brokers.sorted { $0.key < $1.key }.compactMap { Self.address($0.value) }
            Self.ask(
                request, session, addresses[...], failure: RemotingError(.connectFailed, "there are no brokers now"))
        }
    }

    private static func ask(
        _ request: RemotingCommand, _ session: RelaySession, _ addresses: ArraySlice<HostPort>, failure: RemotingError
    ) {
        guard let address = addresses.first else { return session.answer(request.ticket, .failure(failure)) }
        session.send(request, to: address, timeoutMillis: RelayRule.timeoutMillis) { result in
            switch result {
            case .failure(let error): ask(request, session, addresses.dropFirst(), failure: error)
            // Another broker may know the group.
            case .success(let answer) where answer.responseCode != .success && addresses.count > 1:
                ask(request, session, addresses.dropFirst(), failure: failure)
            case .success: session.answer(request.ticket, result)
            }
        }
    }

    private func locks(_ request: RemotingCommand, _ session: RelaySession) {
        guard let body = try? JSONValue(parsing: request.body.readableBytesView), let parts = LockBodies(body) else {
            return session.connection.respond(to: request, code: .systemError, remark: "the body names no queues")
        }
        let bodies = parts.bodies
        guard !bodies.isEmpty else {
            return session.connection.respond(
                to: request, code: .success, body: ByteBuffer(bytes: LockBodies.merged([]).serialize()))
        }
        withBrokers(session, isGood: { brokers in bodies.keys.allSatisfy { brokers[$0] != nil } }) { brokers in
            let gathering = Gathering(count: bodies.count)
            func add(_ result: Result<RemotingCommand, RemotingError>) {
                guard gathering.add(result) else { return }
                guard case .success(let best) = gathering.best, best.responseCode == .success else {
                    return session.answer(request.ticket, gathering.best)
                }
                let merged = LockBodies.merged(
                    gathering.answers.compactMap { try? JSONValue(parsing: $0.body.readableBytesView) })
                session.connection.respond(
                    to: request, code: .success, body: ByteBuffer(bytes: merged.serialize()))
            }
            for (name, part) in bodies {
                guard let address = brokers[name].flatMap(Self.address) else {
                    add(.failure(RemotingError(.connectFailed, "the cluster has no broker \(name) now")))
                    continue
                }
                session.send(
                    request, to: address, body: ByteBuffer(bytes: JSONValue.object(part).serialize()),
                    timeoutMillis: RelayRule.timeoutMillis, completion: add)
            }
        }
    }

    // MARK: Routes

    private func route(_ request: RemotingCommand, _ session: RelaySession) {
        let connection = session.connection
        guard let header = try? request.header(GetRouteInfoRequestHeader.self) else {
            return connection.respond(to: request, code: .systemError, remark: "the request names no topic")
        }
        let told = advertised.map { "\($0)" } ?? connection.localAddress
        Task { [metadata] in
            do throws(ProxyError) {
                guard var route = try await metadata.route(header.topic) else {
                    return connection.respond(
                        to: request, code: .topicNotExist,
                        remark: "No topic route info in name server for the topic: "
                            + header.topic)
                }
                for index in route.brokers.indices {
                    route.brokers[index].addresses = route.brokers[index].addresses.mapValues { _ in told }
                }
                connection.respond(
                    to: request, code: .success,
                    body: route.encode(
                        requesterVersion: request.version, acceptsStandardOnly: header.acceptStandardJsonOnly ?? false))
            } catch {
                connection.respond(to: request, code: .systemError, remark: error.message)
            }
        }
    }
}

/// The answers of several brokers to one request. On the session's event loop only.
private final class Gathering {
    private var missing: Int
    private(set) var answers: [RemotingCommand] = []
    private var failure = RemotingError(.connectFailed, "no broker answers")

    init(count: Int) { missing = count }

    /// Whether this was the last one.
    func add(_ result: Result<RemotingCommand, RemotingError>) -> Bool {
        switch result {
        case .success(let answer): answers.append(answer)
        case .failure(let error): failure = error
        }
        missing -= 1
        return missing == 0
    }

    /// A broker's consent, else its refusal, else why none answered.
    var best: Result<RemotingCommand, RemotingError> {
        (answers.first { $0.responseCode == .success } ?? answers.first).map { .success($0) } ?? .failure(failure)
    }
}
