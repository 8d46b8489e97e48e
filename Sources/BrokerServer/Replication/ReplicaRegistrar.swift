import Logging
import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// Keeps a replica known to every name server, and learns from them who its master is.
///
/// All mutable state is touched on the client's event loop only; the class is Sendable to be captured by its tasks.
final class ReplicaRegistrar: @unchecked Sendable {
    /// Where the master is.
    struct Master: Equatable {
        /// Its main port.
        var address: HostPort
        /// Where it sends its log.
        var replicationAddress: HostPort
    }

    private let configuration: BrokerConfiguration
    private let address: String
    private let client: RemotingClient
    private let nowMillis: @Sendable () -> Int64
    private let logger: Logger
    private let bootMillis: Int64
    private var calledMillis: Int64 = .min
    private var isReachable = true
    private(set) var master: Master?
    /// Time between two registrations while no master is known.
    private static let searchMillis: Int64 = 1_000
    private static let callTimeoutMillis: Int64 = 3_000

    init(
        configuration: BrokerConfiguration, address: String, client: RemotingClient,
        nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.configuration = configuration
        self.address = address
        self.client = client
        self.nowMillis = nowMillis
        self.logger = logger
        bootMillis = nowMillis()
    }

    /// Registers when it is time.
    func tick() {
        let now = nowMillis()
        let period = master == nil ? Self.searchMillis : min(configuration.registerPeriodMillis, 10_000)
        guard calledMillis == .min || now - calledMillis >= period else { return }
        calledMillis = now
        // Name servers take a broker's topics from its master only.
        let body = RegisterBrokerBody(
            topicTable: TopicConfigTable(dataVersion: DataVersion(timestampMillis: bootMillis), topics: [:])
        ).encode()
        for nameServer in configuration.nameServers {
            client.call(
                nameServer, code: .registerBroker, header: configuration.registration(of: address, body), body: body,
                timeoutMillis: Self.callTimeoutMillis
            ) { [weak self] in self?.registered($0, by: nameServer) }
        }
    }

    /// The master does not answer: the next registration tells who it is now.
    func forgetMaster() { master = nil }

    /// Says good-bye to every name server.
    func stop(timeoutMillis: Int64) -> EventLoopFuture<Void> {
        let header = configuration.farewell(of: address)
        let answers = configuration.nameServers.map { nameServer in
            let answered = client.eventLoop.makePromise(of: Void.self)
            client.call(nameServer, code: .unregisterBroker, header: header, timeoutMillis: timeoutMillis) { _ in
                answered.succeed()
            }
            return answered.futureResult
        }
        return EventLoopFuture.andAllComplete(answers, on: client.eventLoop)
    }

    private func registered(_ result: Result<RemotingCommand, RemotingError>, by nameServer: HostPort) {
        switch result {
        case .success(let answer) where answer.responseCode == .success:
            report(nil, nameServer)
            guard let header = try? answer.header(RegisterBrokerResponseHeader.self),
                let address = header.masterAddr.flatMap({ HostPort(parsing: $0) }),
                let replicationAddress = header.haServerAddr.flatMap({ HostPort(parsing: $0) })
            else { return }
            let found = Master(address: address, replicationAddress: replicationAddress)
            guard found != master else { return }
            master = found
            logger.info(
                "master found", metadata: ["address": "\(address)", "replication": "\(replicationAddress)"])
        case .success(let answer): report("code \(answer.code): \(answer.remark ?? "")", nameServer)
        case .failure(let error): report("\(error)", nameServer)
        }
    }

    /// Logs when registering begins to fail and when it works again, and nothing in between.
    private func report(_ fault: String?, _ nameServer: HostPort) {
        guard isReachable != (fault == nil) else { return }
        isReachable = fault == nil
        if let fault {
            logger.warning("registration failed", metadata: ["nameServer": "\(nameServer)", "error": "\(fault)"])
        } else {
            logger.info("registered", metadata: ["nameServer": "\(nameServer)"])
        }
    }
}
