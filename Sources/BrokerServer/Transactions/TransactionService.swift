import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine

/// Half messages from their storing to their end: commit, rollback, questions to producers, giving up.
///
/// ``TransactionTable`` decides; this service reads and writes records for it and sends the questions. A transaction's
/// end is its message in the real topic (or nothing, for a rollback) and then an op message. A start finds out about ends
/// whose op message is missing by reading the log from a mark on that a small file keeps, so that none happens twice.
///
/// ``recover()`` once after the store is open, ``start()``, and ``close()`` before the store closes. Without `start` the
/// owner drives ``tick()``, as tests do. Calls may come from any thread.
package final class TransactionService: Sendable {
    /// What the service needs to know of the rest of the broker.
    package struct Dependencies: Sendable {
        /// The message store.
        package var store: any TransactionStore
        /// The address that message ids and op messages bear.
        package var storeHost: SocketHost
        /// The topic of that name.
        package var topic: @Sendable (String) -> TopicConfig?
        /// Creates a topic of the broker's own unless it exists; the completion runs on any thread.
        package var createTopic: @Sendable (TopicConfig, @escaping @Sendable (Bool) -> Void) -> Void
        /// How to ask a live producer of a group, taking turns; nil when there is none.
        package var producer: @Sendable (String) -> (@Sendable (TransactionCheck) -> Void)?
        /// Where the mark is kept.
        package var files: any RegistryStorage
        /// Committed offsets: progress of the half queue and the op queue is among them, as with Apache's brokers.
        package var offsets: ConsumerOffsets
        /// The clock.
        package var nowMillis: @Sendable () -> Int64

        /// All of them.
        package init(
            store: any TransactionStore, storeHost: SocketHost, topic: @escaping @Sendable (String) -> TopicConfig?,
            createTopic: @escaping @Sendable (TopicConfig, @escaping @Sendable (Bool) -> Void) -> Void,
            producer: @escaping @Sendable (String) -> (@Sendable (TransactionCheck) -> Void)?,
            files: any RegistryStorage, offsets: ConsumerOffsets, nowMillis: @escaping @Sendable () -> Int64
        ) {
            self.store = store
            self.storeHost = storeHost
            self.topic = topic
            self.createTopic = createTopic
            self.producer = producer
            self.files = files
            self.offsets = offsets
            self.nowMillis = nowMillis
        }
    }

    struct State {
        var table: TransactionTable
        /// The thread pauses until it is woken.
        var isPausing = false
        /// Answers that wait for the op messages that are being written, and for the next ones.
        var writingWaiters: [EndCompletion] = []
        var waiters: [EndCompletion] = []
        /// What is written to files next time; by then the log up to there is on disk.
        var seen: Progress?
        var saved: Progress?
        var savedMillis: Int64 = 0
        /// How often progress has to be written before it may rest.
        var savesLeft = 0
        /// Transactions committed since the start, by topic, and rolled back.
        var committed: [String: Int64] = [:]
        var rolledBack: Int64 = 0
    }

    /// How far the queues are done with, and the log is known to have its op messages; true of a log that reaches to
    /// `logEnd` at least.
    struct Progress: Equatable {
        var half: Int64
        var op: Int64
        var mark: Int64
        var logEnd: Int64

        func isAsFar(as other: Self?) -> Bool {
            half == other?.half && op == other?.op && mark == other?.mark
        }
    }

    /// Gets the answer to an attempt to end a transaction.
    package typealias EndCompletion = @Sendable (Result<Void, ServiceError>) -> Void

    /// The group whose committed offsets are the progress of the half queue and the op queue.
    static let group = "CID_RMQ_SYS_TRANS"
    static let markFileName = "transactionMark.json"
    /// Transactions looked at in one turn of the thread.
    private static let turnMax = 128
    private static let saveMillis: Int64 = 5_000
    /// One write that knows of a change, and one after it, since a write is of what was seen the time before.
    static let savesPerChange = 2
    private static let pauseMillisMax: Int64 = 1_000

    let limits: TransactionTable.Limits
    let dependencies: Dependencies
    let logger: Logger
    let state: NIOLockedValueBox<State>
    let markFile: RegistryFile
    private let thread = PausingThread(name: "transactions")

    /// A service over an open or yet unopened store.
    package init(limits: TransactionTable.Limits = .init(), dependencies: Dependencies, logger: Logger) {
        self.limits = limits
        self.dependencies = dependencies
        self.logger = logger
        state = NIOLockedValueBox(State(table: TransactionTable(limits: limits)))
        markFile = RegistryFile(Self.markFileName, in: dependencies.files, logger: logger)
    }

    /// Transactions that are not decided.
    package var openCount: Int { state.withLockedValue { $0.table.openCount } }

    // MARK: Life

    /// Starts the thread.
    package func start() -> Bool {
        thread.start { [weak self] in self?.tick() }
    }

    /// Writes what is not written.
    package func close() {
        thread.stop()
        // What ended transactions must be on the disk before the op messages, and these before the progress.
        _ = dependencies.store.synchronize()
        flushOps(isForced: true)
        _ = dependencies.store.synchronize()
        saveProgress(isLast: true)
    }

    /// Looks at the transactions whose time has come and writes what is due; answers how long there is nothing to do, nil
    /// for until a transaction begins.
    package func tick() -> Int64? {
        let now = dependencies.nowMillis()
        let logEnd = dependencies.store.logBounds.end
        let due = state.withLockedValue {
            $0.table.due(nowMillis: now, countMax: Self.turnMax, logEnd: logEnd)
        }
        for item in due { run(item, nowMillis: now) }
        flushOps(isForced: false)
        saveProgress(isLast: false)
        if due.count == Self.turnMax { return 0 }
        return state.withLockedValue { state in
            if state.table.isIdle, state.savesLeft == 0 {
                state.isPausing = true
                return nil
            }
            let wait = (state.table.nextMillis() ?? .max) - now
            return max(1, min(wait, Self.pauseMillisMax))
        }
    }

    // MARK: Half messages

    /// Stores a half message: `message` is the message as it will be, with the broker's properties, in its real topic.
    package func prepare(_ message: StoreMessage, completion: @escaping @Sendable (AppendOutcome) -> Void)
        throws(ServiceError)
    {
        var half = message
        half.properties = HalfMessage.properties(message.properties, topic: message.topic, queueID: message.queueId)
        guard half.properties.readableBytes <= PropertyText.bytesMax - HalfMessage.spareBytes else {
            throw ServiceError(
                code: .messageIllegal,
                message: "the properties of a transactional message may have "
                    + "\(PropertyText.bytesMax - HalfMessage.spareBytes) bytes")
        }
        guard state.withLockedValue({ $0.table.reserve() }) else {
            throw ServiceError(
                code: .systemBusy, message: "\(limits.openMax) transactions are open, the broker takes no more now")
        }
        half.topic = NameRules.halfTopic
        half.queueId = HalfMessage.queueID
        half.sysFlag = message.sysFlag.withoutTransaction
        let text = half.properties.withUnsafeReadableBytes { bytes in
            PropertyText.find("CHECK_IMMUNITY_TIME_IN_SECONDS", in: bytes).map {
                String(decoding: UnsafeRawBufferPointer(rebasing: bytes[$0]), as: UTF8.self)
            }
        }
        let immunity = HalfMessage.immunityMillis(text)
        dependencies.store.append(half, isDurable: false) { [self] outcome in
            opened(outcome, immunityMillis: immunity)
            completion(outcome)
        }
    }

    func opened(_ outcome: AppendOutcome, immunityMillis: Int64?) {
        let mustWake = state.withLockedValue { state in
            switch outcome {
            case .stored(let receipt):
                state.table.opened(
                    TransactionTable.Half(
                        queueOffset: receipt.queueOffset, logOffset: receipt.logOffset,
                        storedMillis: receipt.storeTimestampMillis, immunityMillis: immunityMillis))
            case .failed: state.table.opened(nil)
            }
            state.savesLeft = Self.savesPerChange
            defer { state.isPausing = false }
            return state.isPausing
        }
        if mustWake { thread.wake() }
    }

    // MARK: Progress

    /// Writes down how far everything was the last time, once the log is on the disk up to there: a power failure must not
    /// leave files that know more than the log.
    private func saveProgress(isLast: Bool) {
        let now = dependencies.nowMillis()
        let (_, flushed, logEnd) = dependencies.store.logBounds
        let opEnd = dependencies.store.bounds(topic: NameRules.opHalfTopic).max
        let due = state.withLockedValue { state -> Progress? in
            guard isLast || now - state.savedMillis >= Self.saveMillis else { return nil }
            state.savedMillis = now
            let current = Progress(
                half: state.table.halfLowWater(), op: state.table.opLowWater(nextOpOffset: opEnd),
                mark: state.table.logMark(logEnd: logEnd), logEnd: logEnd)
            let due = isLast ? current : state.seen
            if let due, due.logEnd > flushed { return nil }
            state.seen = current
            if state.table.isIdle { state.savesLeft = max(0, state.savesLeft - 1) }
            return due?.isAsFar(as: state.saved) ?? true ? nil : due
        }
        guard let due else { return }
        dependencies.offsets.commit(
            group: Self.group, topic: NameRules.halfTopic, queueID: HalfMessage.queueID, offset: due.half)
        dependencies.offsets.commit(
            group: Self.group, topic: NameRules.opHalfTopic, queueID: HalfMessage.queueID, offset: due.op)
        do throws(BrokerError) {
            try saveMark(due.mark, logEnd: due.logEnd)
            state.withLockedValue { $0.saved = due }
        } catch {
            logger.error("the mark of transactions could not be saved", metadata: ["error": "\(error)"])
        }
    }
}
