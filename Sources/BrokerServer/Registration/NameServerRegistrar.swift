import Logging
import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// Keeps the broker known to every name server: the whole topic table at the start and every `registerPeriodMillis`,
/// changed topics at once, the whole table again as soon as a name server has lost it, and a good-bye at the end.
///
/// Name servers are independent of each other; one that is down delays nothing. All state lives on one event loop.
/// Every mutable property is touched on `eventLoop` only; the class is Sendable to be captured by the loop's tasks.
package final class NameServerRegistrar: @unchecked Sendable {
    /// How often a name server is asked whether it still has our table.
    private static let checkMillis: Int64 = 5_000
    private static let checkTimeoutMillis: Int64 = 3_000

    /// What is known of one name server.
    private struct Peer {
        var address: HostPort
        var isCalling = false
        var mustRegisterAll = true
        var changed: [String: TopicConfig] = [:]
        var lastFullMillis: Int64 = 0
        var isReachable = true
    }

    private let broker: Broker
    private let client: RemotingClient
    private let brokerAddress: String
    private let logger: Logger
    private let mappings: JSONObject
    private var peers: [Peer]
    private var firstRound: EventLoopPromise<Void>?
    private var timer: RepeatedTask?
    private var isStopped = false
    /// The name servers were told, or are about to be, that the broker is read-only.
    private var isReadOnly = false

    /// A registrar for a broker that clients reach at `brokerAddress`; it calls on the client's event loop.
    package init(broker: Broker, brokerAddress: String, client: RemotingClient, logger: Logger) {
        self.broker = broker
        self.client = client
        self.brokerAddress = brokerAddress
        self.logger = logger
        peers = broker.configuration.nameServers.map { Peer(address: $0) }
        mappings = [
            "mappingDataVersion": DataVersion(timestampMillis: broker.bootMillis).json,
            "topicQueueMappingDetailMap": [:], "topicQueueMappingInfoMap": [:],
        ]
    }

    private var eventLoop: any EventLoop { client.eventLoop }

    // MARK: Life

    /// Begins; returns when every name server has answered or failed once, or after `waitMillisMax`.
    package func start(waitMillisMax: Int64) async {
        guard !peers.isEmpty else { return }
        broker.topics.setObserver { [weak self] change in self?.noteOnLoop(change) }
        let first = eventLoop.makePromise(of: Void.self)
        eventLoop.execute {
            self.firstRound = first
            self.timer = self.eventLoop.scheduleRepeatedTask(
                initialDelay: .milliseconds(Self.checkMillis), delay: .milliseconds(Self.checkMillis)
            ) { _ in self.tick() }
            for index in self.peers.indices { self.advance(index) }
            self.eventLoop.scheduleTask(in: .milliseconds(waitMillisMax)) { self.endFirstRound() }
        }
        // The promise is only ever succeeded.
        try? await first.futureResult.get()
    }

    /// Says good-bye to every name server, each within `timeoutMillis`.
    package func stop(timeoutMillis: Int64) async {
        let header = broker.configuration.farewell(of: brokerAddress)
        let done = eventLoop.makePromise(of: Void.self)
        eventLoop.execute {
            self.isStopped = true
            self.timer?.cancel()
            self.endFirstRound()
            let futures = self.peers.map { peer in
                let answered = self.eventLoop.makePromise(of: Void.self)
                self.client.call(
                    peer.address, code: .unregisterBroker, header: header, timeoutMillis: timeoutMillis
                ) { result in
                    if case .failure(let error) = result {
                        self.logger.info(
                            "name server not told of the end",
                            metadata: ["nameServer": "\(peer.address)", "error": "\(error)"])
                    }
                    answered.succeed()
                }
                return answered.futureResult
            }
            EventLoopFuture.andAllComplete(futures, on: self.eventLoop).cascade(to: done)
        }
        try? await done.futureResult.get()
    }

    private func endFirstRound() {
        firstRound?.succeed()
        firstRound = nil
    }

    // MARK: What is to be told

    private func noteOnLoop(_ change: TopicRegistry.Change) {
        eventLoop.execute { self.note(change) }
    }

    private func note(_ change: TopicRegistry.Change) {
        guard !isStopped else { return }
        for index in peers.indices {
            switch change {
            case .updated(let topics, _):
                for topic in topics { peers[index].changed[topic.name] = topic }
            case .deleted(let name, _):
                peers[index].changed[name] = nil
                peers[index].mustRegisterAll = true
            }
            advance(index)
        }
    }

    private func tick() {
        let now = broker.nowMillis()
        if broker.isReadOnly, !isReadOnly {
            isReadOnly = true
            for index in peers.indices { peers[index].mustRegisterAll = true }
        }
        for index in peers.indices {
            if now - peers[index].lastFullMillis >= broker.configuration.registerPeriodMillis {
                peers[index].mustRegisterAll = true
            }
            if peers[index].mustRegisterAll || !peers[index].changed.isEmpty {
                advance(index)
            } else {
                check(index)
            }
        }
    }

    /// Makes the next call to a name server, unless one is under way.
    private func advance(_ index: Int) {
        guard !isStopped, !peers[index].isCalling else { return }
        let snapshot = broker.topics.snapshot
        let topics: [String: TopicConfig]
        let isFull = peers[index].mustRegisterAll
        if isFull {
            topics = snapshot.topics
        } else if !peers[index].changed.isEmpty {
            topics = peers[index].changed
        } else {
            return
        }
        peers[index].mustRegisterAll = false
        peers[index].changed = [:]
        peers[index].isCalling = true
        var version = snapshot.dataVersion
        // Name servers look at permissions only when the version is another one.
        if isReadOnly { version.counter += 1 }
        let body = encode(topics, version)
        client.call(
            peers[index].address, code: .registerBroker,
            header: broker.configuration.registration(of: brokerAddress, body),
            body: body,
            timeoutMillis: broker.configuration.registerTimeoutMillis
        ) { self.registered(index, isFull: isFull, $0) }
    }

    private func registered(_ index: Int, isFull: Bool, _ result: Result<RemotingCommand, RemotingError>) {
        peers[index].isCalling = false
        switch result {
        case .success(let answer) where answer.responseCode == .success:
            report(index, fault: nil)
            if isFull { peers[index].lastFullMillis = broker.nowMillis() }
            advance(index)
        case .success(let answer):
            report(index, fault: "code \(answer.code): \(answer.remark ?? "")")
            peers[index].mustRegisterAll = true
            // A partial table is refused by a name server that does not know us: the whole one goes at once.
            if !isFull { advance(index) }
        case .failure(let error):
            report(index, fault: "\(error)")
            peers[index].mustRegisterAll = true
        }
        if peers.allSatisfy({ !$0.isCalling }) { endFirstRound() }
    }

    /// QUERY_DATA_VERSION: a sign of life that also tells whether a restarted name server has forgotten us.
    private func check(_ index: Int) {
        guard !isStopped, !peers[index].isCalling else { return }
        peers[index].isCalling = true
        let header = QueryDataVersionRequestHeader(
            brokerName: broker.configuration.brokerName, brokerAddr: brokerAddress,
            clusterName: broker.configuration.clusterName, brokerId: broker.configuration.brokerID)
        client.call(
            peers[index].address, code: .queryDataVersion, header: header,
            body: broker.topics.snapshot.dataVersion.encode(), timeoutMillis: Self.checkTimeoutMillis
        ) { result in
            self.peers[index].isCalling = false
            switch result {
            case .success(let answer):
                let known = try? answer.header(QueryDataVersionResponseHeader.self)
                if known?.hasChanged ?? true { self.peers[index].mustRegisterAll = true }
                self.advance(index)
            case .failure(let error):
                self.report(index, fault: "\(error)")
                self.peers[index].mustRegisterAll = true
            }
        }
    }

    /// Logs when a name server is lost and when it is back, and nothing in between.
    private func report(_ index: Int, fault: String?) {
        guard peers[index].isReachable != (fault == nil) else { return }
        peers[index].isReachable = fault == nil
        let address = "\(peers[index].address)"
        if let fault {
            logger.warning("registration failed", metadata: ["nameServer": "\(address)", "error": "\(fault)"])
        } else {
            logger.info("registered again", metadata: ["nameServer": "\(address)"])
        }
    }

    // MARK: Bodies

    private func encode(_ topics: [String: TopicConfig], _ version: DataVersion) -> ByteBuffer {
        var table = TopicConfigTable(dataVersion: version, topics: topics, mappings: mappings)
        var allowed = broker.live.permission
        if isReadOnly { allowed.remove(.write) }
        if !allowed.isSuperset(of: .readWrite) {
            table.topics = topics.mapValues { topic in
                var topic = topic
                topic.permission = topic.permission.intersection(allowed)
                return topic
            }
        }
        return RegisterBrokerBody(topicTable: table).encode()
    }
}

extension BrokerConfiguration {
    /// REGISTER_BROKER's header for a broker that clients reach at `address`.
    func registration(of address: String, _ body: ByteBuffer) -> RegisterBrokerRequestHeader {
        RegisterBrokerRequestHeader(
            brokerName: brokerName, brokerAddr: address, clusterName: clusterName, haServerAddr: replicationAddress,
            brokerId: brokerID, enableActingMaster: false, isCompressed: false,
            bodyCrc32: body.withUnsafeReadableBytes { Zlib.checkSum($0) })
    }

    /// UNREGISTER_BROKER's header for such a broker.
    func farewell(of address: String) -> UnregisterBrokerRequestHeader {
        UnregisterBrokerRequestHeader(
            brokerName: brokerName, brokerAddr: address, clusterName: clusterName, brokerId: brokerID)
    }
}
