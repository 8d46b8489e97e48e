import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport
import ServerSupport
import StorageEngine

/// Keeps a store the copy of a master's: finds the master by the name servers, compares the logs, has the log come over a
/// ``ReplicaLink``, and copies the small files that do not follow from it.
///
/// Restarted as a master, it is what its master would be after a crash: what consumers acknowledged and what waits is
/// found again as in any recovery.
///
/// All mutable state is touched on `eventLoop` only; the class is Sendable to be captured by the loop's tasks.
final class Replica: @unchecked Sendable {
    private let configuration: BrokerConfiguration
    private let store: MessageStore
    private let receiver: LogReceiver
    private let storage: any RegistryStorage
    private let client: RemotingClient
    private let registrar: ReplicaRegistrar
    private let link: ReplicaLink
    private let worker = SerialWorker(name: "replica-files", jobsMax: 64)
    private let masterLogMin: NIOLockedValueBox<Int64>
    private let published = NIOLockedValueBox(Status())
    private let logger: Logger
    private var copies: ReplicaFileCopies
    private var isAsking = false
    private var masterLogEnd: Int64 = 0
    /// The master whose log is taken over.
    private var source: ReplicaRegistrar.Master?
    /// Why a file could not be kept, told once.
    private var fileFault: String?
    private var rate: (millis: Int64, bytes: Int64, perSecond: Int64) = (0, 0, 0)
    private var askedMillis: Int64 = 0
    private var refusal: String?
    private var timer: RepeatedTask?
    private let nowMillis: @Sendable () -> Int64
    private static let tickMillis: Int64 = 500
    private static let askMillis: Int64 = 1_000
    private static let callTimeoutMillis: Int64 = 5_000

    /// Over an open store that nobody else writes to. `masterLogMin` is kept at where the master's log begins.
    init(
        configuration: BrokerConfiguration, address: String, store: MessageStore, storage: any RegistryStorage,
        masterLogMin: NIOLockedValueBox<Int64>, client: RemotingClient, nowMillis: @escaping @Sendable () -> Int64,
        logger: Logger
    ) throws(BrokerError) {
        self.configuration = configuration
        self.store = store
        self.storage = storage
        self.masterLogMin = masterLogMin
        self.client = client
        self.nowMillis = nowMillis
        self.logger = logger
        let receiver = LogReceiver(store: store)
        self.receiver = receiver
        link = ReplicaLink(
            configuration: configuration, store: store, receiver: receiver, eventLoop: client.eventLoop,
            nowMillis: nowMillis, logger: logger)
        registrar = ReplicaRegistrar(
            configuration: configuration, address: address, client: client, nowMillis: nowMillis, logger: logger)
        var have: [ReplicaFileList.File] = []
        for name in ReplicaFiles.registryNames {
            if let content = try storage.read(name) { have.append(ReplicaFiles.mark(name, content)) }
        }
        copies = ReplicaFileCopies(have: have)
    }

    private var eventLoop: any EventLoop { client.eventLoop }

    // MARK: Life

    func start() {
        eventLoop.execute { [self] in
            link.onGrowth = { [unowned self] in install() }
            timer = eventLoop.scheduleRepeatedTask(
                initialDelay: .zero, delay: .milliseconds(Self.tickMillis)
            ) { [weak self] _ in self?.tick() }
        }
    }

    /// Leaves the name servers and the master. Nothing is written afterwards.
    func stop(timeoutMillis: Int64) async {
        let done = eventLoop.makePromise(of: Void.self)
        eventLoop.execute { [self] in
            timer?.cancel()
            link.onGrowth = {}
            link.close()
            registrar.stop(timeoutMillis: timeoutMillis).cascade(to: done)
        }
        try? await done.futureResult.get()
        await withCheckedContinuation { continuation in worker.close { continuation.resume() } }
    }

    /// What tools and health checks ask.
    struct Status: Sendable {
        var isConnected = false
        /// Why it does not replicate.
        var refusal: String?
        /// What GET_BROKER_HA_STATUS tells.
        var own = ReplicationStatus.Own()
    }

    /// How it was at the last look, which it has twice a second; any thread.
    var status: Status { published.withLockedValue { $0 } }

    private func publish() {
        var status = Status(isConnected: link.isOpen, refusal: refusal)
        status.own.masterAddress = registrar.master?.address.description ?? ""
        status.own.logEnd = store.maxLogOffset
        status.own.masterLogEnd = masterLogEnd
        status.own.heardMillis = link.heardMillis
        status.own.reportedMillis = link.reportedMillis
        status.own.bytesPerSecond = rate.perSecond
        let told = status
        published.withLockedValue { $0 = told }
    }

    // MARK: Work

    private func tick() {
        registrar.tick()
        link.tick()
        install()
        publish()
        let now = nowMillis()
        if let master = registrar.master, let source, source != master {
            // Logs of two masters must not be mixed.
            self.source = nil
            link.close()
        }
        guard let master = registrar.master, !isAsking, link.isIdle || !copies.isBusy else { return }
        if now - askedMillis >= Self.askMillis { ask(master, nowMillis: now) }
    }

    private func ask(_ master: ReplicaRegistrar.Master, nowMillis: Int64) {
        isAsking = true
        askedMillis = nowMillis
        let log = ownLog(isCompared: link.isIdle)
        client.call(
            master.address, code: .getReplicaState,
            header: GetReplicaStateRequestHeader(
                checkFrom: log.compared?.lowerBound ?? 0, checkBytes: Int32(clamping: log.compared?.count ?? 0)),
            timeoutMillis: Self.callTimeoutMillis
        ) { [self] result in
            isAsking = false
            switch result {
            case .success(let answer): told(answer, by: master, log)
            case .failure(let error):
                logger.debug("the master does not answer", metadata: ["error": "\(error)"])
                registrar.forgetMaster()
            }
        }
    }

    private func ownLog(isCompared: Bool) -> ReplicaCheck.Log {
        // Only what is on the disk is compared where SYNC_FLUSH promises that.
        if isCompared, configuration.store.flushMode == .synchronous { try? store.synchronize() }
        let range = store.minLogOffset..<max(store.minLogOffset, store.maxLogOffset)
        var log = ReplicaCheck.Log(range: range, fileBytes: Int64(store.logFileBytes))
        if isCompared {
            let compared = range.suffix(Int(ReplicaCheck.bytesMax))
            log.compared = compared
            log.checkSum = store.checkSum(from: compared.lowerBound, bytes: compared.count)
        }
        return log
    }

    private func told(_ answer: RemotingCommand, by master: ReplicaRegistrar.Master, _ log: ReplicaCheck.Log) {
        do {
            guard answer.responseCode == .success else {
                // A master that is starting says so with SYSTEM_BUSY.
                return note(refusal: "the master answers with code \(answer.code): \(answer.remark ?? "")")
            }
            let header = try answer.header(GetReplicaStateResponseHeader.self)
            masterLogMin.withLockedValue { $0 = header.logMin }
            masterLogEnd = header.logEnd
            noteRate()
            if link.isIdle {
                // Lost while the master was asked: the next answer says whether the logs go together.
                guard log.compared != nil else { return }
                note(refusal: store.writeRefusal?.message ?? ReplicaCheck.refusal(log, master: header))
                guard refusal == nil else { return }
                copies.restart()
                source = master
            }
            let list = try ReplicaFileList(decoding: answer.body)
            fetch(copies.listed(list), master)
        } catch {
            note(refusal: "the master's answer cannot be read: \(error)")
        }
    }

    private func noteRate() {
        let now = nowMillis()
        let passed = now - rate.millis
        guard passed >= 1_000 || passed < 0 else { return }
        rate = (now, link.bytesReceived, (link.bytesReceived - rate.bytes) * 1_000 / max(1, passed))
    }

    /// Has the log come, as the table of deleted topics is there.
    private func connect() {
        if let source, link.isIdle { link.connect(to: source.replicationAddress) }
    }

    private func note(refusal sentence: String?) {
        if let sentence, sentence != refusal {
            logger.error("not replicating", metadata: ["because": "\(sentence)"])
        }
        refusal = sentence
    }

    // MARK: Files

    private func fetch(_ order: ReplicaFileCopies.Order?, _ master: ReplicaRegistrar.Master) {
        guard let order else { return install() }
        client.call(
            master.address, code: .getReplicaFile,
            header: GetReplicaFileRequestHeader(name: order.name, offset: order.offset),
            timeoutMillis: Self.callTimeoutMillis
        ) { [self] result in
            guard case .success(let answer) = result, answer.responseCode == .success,
                let header = try? answer.header(GetReplicaFileResponseHeader.self)
            else { return copies.failed() }
            fetch(copies.received(answer.body, for: order, of: header), master)
        }
    }

    private func install() {
        for copy in copies.takeReady(logEnd: store.maxLogOffset) {
            let isTaken = worker.submit { [self] in
                do {
                    if copy.name == ReplicaFiles.deletedTopics {
                        try receiver.adoptDeletedTopics(copy.content)
                        eventLoop.execute { self.connect() }
                    } else {
                        // The log first: a file must not know of more than is on the disk.
                        try store.synchronize()
                        try storage.replace(copy.name, with: copy.content)
                    }
                    eventLoop.execute { self.fileFault = nil }
                } catch {
                    eventLoop.execute { self.lost(copy.name, "\(error)") }
                }
            }
            if !isTaken { copies.lost(copy.name) }
        }
    }

    private func lost(_ name: String, _ fault: String) {
        if fault != fileFault {
            logger.error("a file of the master cannot be kept", metadata: ["file": "\(name)", "error": "\(fault)"])
        }
        fileFault = fault
        copies.lost(name)
    }
}
