import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

/// Sends a master's log to its replicas, and lets sends wait until enough of them have it.
///
/// A thread, which there is while replicas are connected, reads the log and writes to all connections; the reports come in
/// on event loops. What the numbers mean is for ``ReplicaTable``.
final class ReplicationServer: Sendable {
    private typealias Table = ReplicaTable<ObjectIdentifier, Completion>

    /// Gets the outcome of a wait; any thread.
    typealias Completion = @Sendable (ReplicationOutcome) -> Void

    private struct Connection {
        let stream: ByteStream
        var decoder = ReplicaReportDecoder()
        /// Bytes sent by the last look at rates, and what came in a second before that.
        var sentBytes: Int64 = 0
        var bytesPerSecond: Int64 = 0
    }

    private struct State {
        var table: Table
        var connections: [ObjectIdentifier: Connection] = [:]
        var listener: ByteStreamListener?
        var hasThread = false
        var isStopped = false
        /// The end of the log, when the replicas are waited for before everything is closed.
        var awaitedEnd: Int64?
        var shown: Int64?
        var ratesMillis: Int64 = 0
    }

    private let store: MessageStore
    private let transferBytes: Int
    private let nowMillis: @Sendable () -> Int64
    private let logger: Logger
    private let state: NIOLockedValueBox<State>
    private let thread = PausingThread(name: "replication")
    private let caughtUp = ConditionLock(value: false)
    private static let closingSeconds = 3.0
    /// The longest pause of the thread while replicas are connected: timeouts are as exact as that.
    private static let turnMillis: Int64 = 100
    /// What one replica gets in one turn, so that the others are not kept waiting.
    private static let turnBytes: Int64 = 1 << 20

    init(
        settings: ReplicationSettings, store: MessageStore, nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.store = store
        transferBytes = settings.transferBytes
        self.nowMillis = nowMillis
        self.logger = logger
        state = NIOLockedValueBox(State(table: Table(limits: settings.limits)))
    }

    // MARK: Life

    /// Listens for replicas.
    func listen(on group: any EventLoopGroup, host: String, port: Int) async throws(BrokerError) {
        let events = ByteStream.Events(
            opened: { [weak self] in self?.opened($0) }, received: { [weak self] in self?.received($1, from: $0) },
            closed: { [weak self] in self?.closed($0) })
        do {
            let listener = try await ByteStream.listen(on: group, host: host, port: port, events: events)
            state.withLockedValue { $0.listener = listener }
        } catch {
            throw BrokerError(
                .port, "cannot listen for replicas on \(HostPort(host: host, port: port)) (haListenPort)", cause: error)
        }
    }

    /// Waits until the replicas that count have all of the log, for a moment at most, and closes everything. Sends that
    /// still wait are answered as not replicated.
    func close() {
        waitForReplicas()
        let (listener, streams, waiters) = state.withLockedValue { state in
            state.isStopped = true
            defer { state.listener = nil }
            return (state.listener, state.connections.values.map { $0.stream }, state.table.takeAll())
        }
        listener?.close()
        for stream in streams { stream.close() }
        for waiter in waiters { waiter(.noReplica) }
        store.endWaitForLog()
        thread.stop()
    }

    private func waitForReplicas() {
        // Nothing is sent before it is on the disk where SYNC_FLUSH promises that.
        guard (try? store.synchronize()) != nil else { return }
        let logEnd = store.sendableLogEnd
        let isWaiting = state.withLockedValue { state in
            state.awaitedEnd = logEnd
            return state.table.isAnyInSync(lacking: logEnd)
        }
        guard isWaiting, caughtUp.lock(whenValue: true, timeoutSeconds: Self.closingSeconds) else { return }
        caughtUp.unlock()
    }

    // MARK: Sends

    /// Runs the completion when enough replicas have the log up to an offset, or will not; maybe before this returns.
    func wait(until end: Int64, _ completion: @escaping Completion) {
        let now = nowMillis()
        let outcome = state.withLockedValue { state -> ReplicationOutcome? in
            if state.isStopped { return .noReplica }
            return state.table.wait(completion, until: end, nowMillis: now)
        }
        if let outcome { completion(outcome) }
    }

    /// The replicas, by address, when the log ends there.
    func status(logEnd: Int64) -> [ReplicationStatus.Replica] {
        state.withLockedValue { state in
            state.table.replicas.map { id, replica in
                ReplicationStatus.Replica(
                    address: replica.address, ackedOffset: replica.ackedOffset,
                    behindBytes: max(0, logEnd - replica.ackedOffset), isInSync: replica.isInSync,
                    nextOffset: replica.nextOffset ?? 0, bytesPerSecond: state.connections[id]?.bytesPerSecond ?? 0)
            }.sorted { $0.address < $1.address }
        }
    }

    // MARK: Connections

    private func opened(_ stream: ByteStream) {
        let now = nowMillis()
        let isTaken = state.withLockedValue { state in
            guard !state.isStopped, state.table.connected(stream.id, address: stream.remoteAddress, nowMillis: now)
            else { return false }
            state.connections[stream.id] = Connection(stream: stream)
            return true
        }
        guard isTaken else { return stream.close() }
        logger.info("replica connected", metadata: ["replica": "\(stream.remoteAddress)"])
        startThread()
    }

    private func startThread() {
        let mustStart = state.withLockedValue { state in
            defer { state.hasThread = true }
            return !state.hasThread
        }
        guard mustStart else { return thread.wake() }
        guard thread.start({ [weak self] in self?.turn() }) else {
            state.withLockedValue { $0.hasThread = false }
            logger.error("no thread to send the log to replicas")
            return
        }
    }

    private func received(_ bytes: ByteBuffer, from stream: ByteStream) {
        let log = store.minLogOffset..<store.sendableLogEnd
        let now = nowMillis()
        let (refusal, mustWake) = state.withLockedValue { state -> (Table.Refusal?, Bool) in
            guard let logEnd = state.connections[stream.id]?.decoder.newest(in: bytes) else { return (nil, false) }
            let hadRoom = state.table.order(for: stream.id) != nil
            let refusal = state.table.reported(stream.id, logEnd: logEnd, ofLog: log, nowMillis: now)
            return (refusal, !hadRoom)
        }
        if let refusal {
            let sentence =
                switch refusal {
                case .ahead: "its log is longer than this one: they are not of one history"
                case .tooOld: "what it needs next is deleted here: remove its store, so that it begins anew"
                }
            logger.error("replica refused: \(sentence)", metadata: ["replica": "\(stream.remoteAddress)"])
            return stream.close()
        }
        settle(logEnd: log.upperBound, nowMillis: now)
        if mustWake { store.endWaitForLog() }
    }

    private func closed(_ stream: ByteStream) {
        let wasTaken = state.withLockedValue { state in
            state.table.disconnected(stream.id)
            return state.connections.removeValue(forKey: stream.id) != nil
        }
        guard wasTaken else { return }
        logger.info("replica disconnected", metadata: ["replica": "\(stream.remoteAddress)"])
        settle(logEnd: store.sendableLogEnd, nowMillis: nowMillis())
    }

    /// Answers the sends whose wait is over, and shows readers what they may see.
    private func settle(logEnd: Int64, nowMillis: Int64) {
        let (done, isAtEnd) = state.withLockedValue { state in
            let done = state.table.takeDone(logEnd: logEnd, nowMillis: nowMillis)
            // Under the lock: an older offset must not follow a newer one.
            let confirmed = state.table.confirmedOffset
            if confirmed != state.shown {
                state.shown = confirmed
                store.show(replicatedTo: confirmed)
            }
            return (done, state.awaitedEnd.map { !state.table.isAnyInSync(lacking: $0) } ?? false)
        }
        for (waiter, outcome) in done { waiter(outcome) }
        guard isAtEnd else { return }
        caughtUp.lock()
        caughtUp.unlock(withValue: true)
    }

    // MARK: Sending

    /// One turn of the thread; it pauses until woken while nobody is connected.
    private func turn() -> Int64? {
        let orders = state.withLockedValue { state -> [Table.Order]? in
            state.isStopped || state.connections.isEmpty ? nil : state.table.orders
        }
        guard let orders else { return nil }
        let sentUpTo = orders.reduce(Int64.max) { min($0, $1.offset) }
        store.waitForLog(beyond: sentUpTo, timeoutMillis: Self.turnMillis)
        let now = nowMillis()
        for order in orders { send(order, nowMillis: now) }
        beatHearts(nowMillis: now)
        noteRates(nowMillis: now)
        for stream in state.withLockedValue({ state in
            state.table.silent(nowMillis: now).compactMap { state.connections[$0]?.stream }
        }) {
            logger.warning("replica is silent", metadata: ["replica": "\(stream.remoteAddress)"])
            stream.close()
        }
        settle(logEnd: store.sendableLogEnd, nowMillis: now)
        return 0
    }

    private func send(_ order: Table.Order, nowMillis: Int64) {
        guard let stream = state.withLockedValue({ $0.connections[order.id]?.stream }) else { return }
        var left = Int(min(order.bytesMax, Self.turnBytes))
        var offset = order.offset
        var output = ByteBuffer()
        do throws(StoreError) {
            while left > 0 {
                let head = output.writerIndex
                LogTransfer.writeHead(offset: offset, count: 0, to: &output)
                let count = try store.readLog(from: offset, bytesMax: min(left, transferBytes), into: &output)
                guard count > 0 else {
                    output.moveWriterIndex(to: head)
                    break
                }
                output.setInteger(Int32(clamping: count), at: head + 8)
                offset += Int64(count)
                left -= count
            }
        } catch {
            logger.error(
                "the log cannot be read for a replica",
                metadata: ["replica": "\(stream.remoteAddress)", "offset": "\(offset)", "error": "\(error.message)"])
            // Nothing more is tried on it.
            state.withLockedValue { $0.table.disconnected(order.id) }
            return stream.close()
        }
        guard offset > order.offset else { return }
        state.withLockedValue {
            $0.table.sent(order.id, bytes: Int(offset - order.offset), nowMillis: nowMillis)
        }
        stream.send(output)
    }

    private func beatHearts(nowMillis: Int64) {
        let due = state.withLockedValue { state in
            let due = state.table.heartbeats(nowMillis: nowMillis)
            for (id, _) in due { state.table.sent(id, bytes: 0, nowMillis: nowMillis) }
            return due.compactMap { id, offset in state.connections[id].map { ($0.stream, offset) } }
        }
        for (stream, offset) in due {
            var output = ByteBuffer()
            LogTransfer.writeHead(offset: offset, count: 0, to: &output)
            stream.send(output)
        }
    }

    private func noteRates(nowMillis: Int64) {
        state.withLockedValue { state in
            let passed = nowMillis - state.ratesMillis
            guard passed >= 1_000 || passed < 0 else { return }
            state.ratesMillis = nowMillis
            for (id, replica) in state.table.replicas {
                let before = state.connections[id]?.sentBytes ?? 0
                state.connections[id]?.bytesPerSecond = (replica.bytesSent - before) * 1_000 / max(1, passed)
                state.connections[id]?.sentBytes = replica.bytesSent
            }
        }
    }
}
