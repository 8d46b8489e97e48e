import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingTransport
import ServerSupport
import StorageEngine

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A broker with the role SLAVE on the network: a store that is the copy of its master's, and a port that tells how it does.
/// Messages are neither taken nor handed out: restarted with the role of a master, it does both.
package final class ReplicaNode: Sendable {
    private struct Running {
        var server: RemotingServer?
        var client: RemotingClient?
        var replica: Replica?
    }

    private let configuration: BrokerConfiguration
    private let group: any EventLoopGroup
    private let serverConfiguration: RemotingServerConfiguration
    private let store: MessageStore
    private let clock = SystemClock()
    private let masterLogMin = NIOLockedValueBox<Int64>(0)
    private let bootMillis: Int64
    private let logger: Logger
    private let running = NIOLockedValueBox(Running())
    private static let goodbyeMillisMax: Int64 = 2_000

    /// A node over the directory that its configuration names; it does not listen yet.
    package init(
        configuration: BrokerConfiguration, group: any EventLoopGroup,
        serverConfiguration: RemotingServerConfiguration = RemotingServerConfiguration(), logger: Logger
    ) {
        var configuration = configuration
        configuration.store.processId = getpid()
        configuration.store.isReplica = true
        self.configuration = configuration
        self.group = group
        var serverConfiguration = serverConfiguration
        serverConfiguration.use(configuration)
        self.serverConfiguration = serverConfiguration
        store = MessageStore(configuration: configuration.store, fileSystem: LinuxFileSystem(), clock: clock)
        bootMillis = clock.nowMillis
        self.logger = logger
    }

    /// Listens, opens the store and begins to replicate; answers the port.
    package func open() async throws(BrokerError) -> Int {
        let router = ReplicaRouter(configuration: configuration, store: store, bootMillis: bootMillis)
        let server = RemotingServer(group: group, configuration: serverConfiguration, service: router, logger: logger)
        let address = HostPort(host: configuration.bindAddress, port: configuration.listenPort)
        let port: Int
        do {
            port = try await server.bind(host: address.host, port: address.port)
        } catch {
            throw BrokerError(.port, "cannot listen on \(address)", cause: error)
        }
        running.withLockedValue { $0.server = server }
        do throws(BrokerError) {
            try openStore()
            let storage = try RegistryDirectory(path: configuration.storePath + "/config")
            try ReplicaMark(in: storage).set(true)
            let client = RemotingClient(eventLoop: group.next(), logger: logger)
            let clock = clock
            let replica = try Replica(
                configuration: configuration,
                address: HostPort(host: configuration.brokerIP1, port: port).description, store: store,
                storage: storage, masterLogMin: masterLogMin,
                client: client, nowMillis: { clock.nowMillis }, logger: logger)
            running.withLockedValue { running in
                running.client = client
                running.replica = replica
            }
            router.replica.withLockedValue { $0 = replica }
            replica.start()
        } catch {
            await server.shutdown(graceMillis: 0)
            throw error
        }
        return port
    }

    private func openStore() throws(BrokerError) {
        let logger = logger
        store.setEventObserver { Broker.log($0, to: logger) }
        // What consumers or timers may still need is for the master to know.
        store.setDeletionCheck { [masterLogMin] end in end <= masterLogMin.withLockedValue { $0 } }
        do {
            let report = try store.open()
            logger.info(
                "store open", metadata: ["clean": "\(report.wasClean)", "logEnd": "\(report.logEnd)"])
        } catch {
            throw BrokerError(.store, "the store in \(configuration.storePath) does not open", cause: error)
        }
    }

    /// Leaves name servers and master, and closes the store.
    package func stop(graceMillis: Int64) async throws(BrokerError) {
        let stopped = running.withLockedValue { running in
            defer { running = Running() }
            return running
        }
        await stopped.replica?.stop(timeoutMillis: Self.goodbyeMillisMax)
        await stopped.server?.shutdown(graceMillis: graceMillis)
        stopped.client?.shutdown()
        do {
            try store.close()
        } catch {
            throw BrokerError(.store, "the store in \(configuration.storePath) did not close cleanly", cause: error)
        }
    }

    /// Whether it has a connection to its master, for what watches programs.
    package var health: ServingHealth {
        guard let status = running.withLockedValue({ $0.replica?.status }) else {
            return ServingHealth(isWell: false, json: ["status": "starting"])
        }
        var json: JSONObject = [
            "logEnd": .integer(store.maxLogOffset), "master": .string(status.own.masterAddress ?? ""),
            "status": .string(status.isConnected ? "replicating" : "waiting"),
        ]
        if let refusal = status.refusal { json.append("reason", .string(refusal)) }
        return ServingHealth(isWell: status.isConnected, json: .object(json))
    }

    /// Adds what there is to tell now.
    package func addMetrics(to page: inout MetricsPage) {
        guard let status = running.withLockedValue({ $0.replica?.status }) else { return }
        page.add(
            .gauge, "rocketmq_storage_replica_connected", "1 while a replica is connected to its master",
            status.isConnected ? 1 : 0)
        page.add(
            .gauge, "rocketmq_storage_replica_behind_bytes", "Bytes of the log that a replica has not",
            max(0, status.own.masterLogEnd - store.maxLogOffset))
    }
}
