import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport

/// A broker on the network: the main and the VIP port, registration with name servers, and the work that recurs.
package final class BrokerNode: Sendable {
    /// How far the VIP port is below the main one.
    private static let vipPortDistance = 2
    private static let registrationWaitMillisMax: Int64 = 3_000
    private static let goodbyeMillisMax: Int64 = 2_000
    /// How often clients that are not heard of are looked for.
    private static let expiryPeriodSeconds: Int64 = 10

    private struct Running {
        var servers: [RemotingServer] = []
        var port: Int?
        var registrar: NameServerRegistrar?
        var client: RemotingClient?
        var tasks: [RepeatedTask] = []
    }

    /// The broker behind the ports.
    package let broker: Broker
    private let group: any EventLoopGroup
    private let serverConfiguration: RemotingServerConfiguration
    private let logger: Logger
    private let running = NIOLockedValueBox(Running())

    /// A node that does not listen yet. The broker may open later, but before `start`.
    package init(
        broker: Broker, group: any EventLoopGroup,
        serverConfiguration: RemotingServerConfiguration = RemotingServerConfiguration(), logger: Logger
    ) {
        self.broker = broker
        self.group = group
        var serverConfiguration = serverConfiguration
        serverConfiguration.use(broker.configuration)
        self.serverConfiguration = serverConfiguration
        self.logger = logger
    }

    /// Listens, and returns the main port. Until the broker is open, requests are told how far it is.
    @discardableResult
    package func listen() async throws(BrokerError) -> Int {
        let configuration = broker.configuration
        let port = try await bind(.main, configuration.listenPort)
        if configuration.listenPort > Self.vipPortDistance {
            _ = try await bind(.vip, configuration.listenPort - Self.vipPortDistance)
        }
        running.withLockedValue { $0.port = port }
        return port
    }

    /// Listens, opens the broker and starts. When that fails, nothing is left running; a broker that did not open has
    /// written nothing, for its directory may be another process's.
    package func open() async throws(BrokerError) -> Int {
        try await listen()
        do throws(BrokerError) {
            try broker.open()
        } catch {
            await stop(graceMillis: 0)
            throw error
        }
        do throws(BrokerError) {
            return try await start()
        } catch {
            await stop(graceMillis: 0)
            try broker.close()
            throw error
        }
    }

    /// Listens, unless it does already, registers the open broker and returns the main port. Name servers that are down
    /// do not hold it up for long.
    package func start() async throws(BrokerError) -> Int {
        let configuration = broker.configuration
        let known = running.withLockedValue { $0.port }
        let port: Int
        if let known { port = known } else { port = try await listen() }
        let loop = group.next()
        let client = RemotingClient(eventLoop: loop, logger: logger)
        let address = HostPort(host: configuration.brokerIP1, port: port)
        let registrar = NameServerRegistrar(
            broker: broker, brokerAddress: address.description, client: client, logger: logger)
        if !configuration.nameServers.isEmpty {
            let finder = RouteFinder(
                client: client, nameServers: configuration.nameServers, nowMillis: broker.nowMillis)
            broker.routeFinder.withLockedValue { $0 = finder }
        }
        let (broker, expiryPeriod) = (broker, TimeAmount.seconds(Self.expiryPeriodSeconds))
        let samplePeriod = TimeAmount.milliseconds(BrokerStatistics.samplePeriodMillis)
        let tasks = [
            loop.scheduleRepeatedTask(initialDelay: expiryPeriod, delay: expiryPeriod) { _ in broker.expireClients() },
            loop.scheduleRepeatedTask(initialDelay: samplePeriod, delay: samplePeriod) { _ in
                let now = broker.nowMillis()
                broker.statistics.sample(nowMillis: now, day: SystemClock.localDay(ofMillis: now))
            },
        ]
        running.withLockedValue { running in
            running.client = client
            running.registrar = registrar
            running.tasks = tasks
        }
        if configuration.haListenPort > 0 {
            try await broker.replication.listen(
                on: group, host: configuration.bindAddress, port: configuration.haListenPort)
        }
        await registrar.start(waitMillisMax: Self.registrationWaitMillisMax)
        return port
    }

    /// Leaves the name servers, lets requests end for at most `graceMillis`, and closes all connections. The broker
    /// itself stays open for its owner to close.
    package func stop(graceMillis: Int64) async {
        let stopped = running.withLockedValue { running in
            defer { running = Running() }
            return running
        }
        for task in stopped.tasks { task.cancel() }
        broker.routeFinder.withLockedValue { $0 = nil }
        await stopped.registrar?.stop(timeoutMillis: Self.goodbyeMillisMax)
        await withTaskGroup { group in
            for server in stopped.servers { group.addTask { await server.shutdown(graceMillis: graceMillis) } }
            // Parked requests would hold their connections until the end of the grace.
            broker.delivery.releaseWaiters()
            broker.pulls.releaseWaiters()
            broker.lite.releaseWaiters()
        }
        stopped.client?.shutdown()
    }

    private func bind(_ kind: RequestRouter.Port, _ port: Int) async throws(BrokerError) -> Int {
        let server = RemotingServer(
            group: group, configuration: serverConfiguration,
            service: RequestRouter(broker: broker, port: kind, logger: logger), logger: logger)
        let host = broker.configuration.bindAddress
        do {
            let bound = try await server.bind(host: host, port: port)
            running.withLockedValue { $0.servers.append(server) }
            return bound
        } catch {
            for server in running.withLockedValue({ $0.servers }) { await server.shutdown(graceMillis: 0) }
            throw BrokerError(.port, "cannot listen on \(HostPort(host: host, port: port))", cause: error)
        }
    }
}

extension RemotingServerConfiguration {
    /// Takes over the bounds that the broker's configuration has for its ports.
    mutating func use(_ configuration: BrokerConfiguration) {
        connectionsMax = configuration.connectionsMax
        idleMillisMax = configuration.connectionIdleMillisMax
    }
}
