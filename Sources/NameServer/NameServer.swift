import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport
import ServerSupport

/// A name server: the route table behind the remoting protocol, and operators' settings in two files.
///
/// Several name servers know nothing of each other; brokers register with all of them. All requests are answered from
/// memory on the connection's event loop; only changes of settings go to disk, on a thread of their own.
package final class NameServer: RemotingService {
    /// Runs blocking work in order, off the event loops; false when it takes no more.
    package typealias BlockingQueue = @Sendable (@escaping @Sendable () -> Void) -> Bool

    struct State: Sendable {
        var routes: RouteTable
        var settings: SettingsTable
        var configuration: NameServerConfiguration
        var properties: LiveProperties
        /// The connections that brokers registered on, to close those of silent brokers.
        var brokerConnections: [UInt64: RemotingServerConnection] = [:]
    }

    let state: NIOLockedValueBox<State>
    let nowMillis: @Sendable () -> Int64
    let blockingQueue: BlockingQueue
    let logger: Logger
    private let startMillis: Int64

    /// A name server with the settings of its KV file, which is read here.
    package init(
        configuration: NameServerConfiguration, report: ConfigurationReport, source: ConfigurationSource,
        limits: RouteTable.Limits = RouteTable.Limits(), nowMillis: @escaping @Sendable () -> Int64,
        blockingQueue: @escaping BlockingQueue, logger: Logger
    ) throws {
        let routes = RouteTable(limits: limits, options: configuration.routeTableOptions)
        let settings = try Self.loadSettings(configuration.kvConfigPath, logger: logger)
        state = NIOLockedValueBox(
            State(
                routes: routes, settings: settings, configuration: configuration,
                properties: LiveProperties(report: report, source: source)))
        self.nowMillis = nowMillis
        self.blockingQueue = blockingQueue
        self.logger = logger
        startMillis = nowMillis()
    }

    /// A damaged file stops start-up: order settings must not vanish silently.
    private static func loadSettings(_ path: String, logger: Logger) throws -> SettingsTable {
        guard !path.isEmpty, let content = try SettingsFile(path: path).load(), !content.isEmpty else {
            return SettingsTable()
        }
        return try SettingsTable(json: JSONValue(parsing: content))
    }

    // MARK: - Connections

    /// Answers a request on its connection.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let ticket = request.ticket
        if request.requestCode == .registerBroker {
            state.withLockedValue { $0.brokerConnections[connection.id] = connection }
        }
        answer(request, connection: connection.id) { answer in
            connection.respond(
                to: ticket, code: answer.code, remark: answer.remark, header: answer.header, body: answer.body)
        }
    }

    /// Forgets the brokers that registered on the connection, at once.
    package func connectionClosed(_ connection: RemotingServerConnection) {
        let gone = state.withLockedValue { state in
            state.brokerConnections.removeValue(forKey: connection.id)
            return state.routes.connectionClosed(connection.id)
        }
        for process in gone {
            logger.info(
                "broker gone, its connection closed",
                metadata: ["cluster": "\(process.cluster)", "broker": "\(process.address)"])
        }
    }

    // MARK: - Liveness

    /// Looks for silent brokers at the configured interval from now on, until the loop shuts down.
    package func startScanning(on eventLoop: any EventLoop) {
        let interval = TimeAmount.milliseconds(
            state.withLockedValue { $0.configuration.scanNotActiveBrokerIntervalMillis })
        eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] task in
            guard let self else { return task.cancel() }
            self.removeSilentBrokers()
        }
    }

    /// Removes the brokers that were silent for too long and closes their connections.
    package func removeSilentBrokers() {
        let now = nowMillis()
        let expired = state.withLockedValue { state in
            state.routes.expire(nowMillis: now).map { entry in
                (entry.process, entry.connection.flatMap { state.brokerConnections.removeValue(forKey: $0) })
            }
        }
        for (process, connection) in expired {
            logger.warning(
                "broker gone, it was silent for too long",
                metadata: ["cluster": "\(process.cluster)", "broker": "\(process.address)"])
            connection?.close()
        }
    }

    // MARK: - In-process callers

    /// Where a topic lives, for callers in this process.
    package func route(of topic: String) -> TopicRoute? { state.withLockedValue { $0.routes.route(of: topic) } }

    /// Takes the registration of a broker in this process.
    package func register(_ registration: BrokerRegistration) throws(ServiceError) {
        _ = try register(registration, connection: nil)
    }

    func register(
        _ registration: BrokerRegistration, connection: UInt64?
    ) throws(ServiceError) -> RegistrationAnswer {
        let now = nowMillis()
        let result = state.withLockedValue { state -> Result<RegistrationAnswer, ServiceError> in
            do throws(ServiceError) {
                return .success(
                    try state.routes.register(registration, connection: connection, nowMillis: now))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Whether routes are held back because brokers may not have registered again since the start.
    var isWarmingUp: Bool {
        let (wait, seconds) = state.withLockedValue {
            ($0.configuration.needWaitForService, $0.configuration.waitSecondsForService)
        }
        return wait && nowMillis() - startMillis < Int64(seconds) * 1_000
    }
}
