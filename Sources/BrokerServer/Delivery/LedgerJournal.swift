import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore

/// Makes the changes of all ledgers durable.
///
/// Each subscription collects its changes, encoded, under its own lock. A flush gathers those of all subscriptions that
/// listed themselves into records of an internal topic of the commit log, and commits their low-water marks to the
/// consumer offsets. A snapshot is a file with all ledgers and the number of records it includes; recovery reads it and
/// replays the records after it.
///
/// When the store refuses records they are kept and tried again, in order. When too many pile up they are dropped, and
/// nothing is written before a snapshot holds what they said: a gap in the records must never be followed by others.
final class LedgerJournal: Sendable {
    /// The internal topic.
    static let topic = "rmq_sys_ACK_LEDGER"
    /// The file of the snapshot; the one before it is kept beside it.
    static let snapshotName = "ackLedger.snapshot"
    /// A record that reached this is closed; the last piece may take it over by as much as a piece has.
    private static let recordBytesMax = 64 * 1024

    private enum Listed {
        case changes(Subscription)
        case removal(SubscriptionKey)
    }

    private struct Inbox {
        var listed: [Listed] = []
        /// The thread pauses until somebody lists itself.
        var isPausing = false
    }

    /// Touched by the one who holds `writing` only.
    struct Output {
        /// Queue offset of the next record.
        var nextRecord: Int64 = 0
        /// Records that the store has not taken yet.
        var backlog: [[UInt8]] = []
        var backlogBytes = 0
        /// Records were dropped: only a snapshot helps.
        var isBroken = false
        var bytesSinceSnapshot = 0
        /// Records before it are not needed any more: the snapshot on the disk includes them. Nil before recovery.
        var coveredRecord: Int64?
        var isSnapshotAsked = false
        var snapshotMillis: Int64 = 0
        var offsetsSavedMillis: Int64 = 0
        /// When records that were refused are tried again.
        var retryAtMillis: Int64 = 0
        /// When a snapshot that failed is tried again: apart from the records, as it is what helps when these are refused.
        var snapshotRetryAtMillis: Int64 = 0
    }

    let configuration: DeliveryConfiguration
    let store: any DeliveryStore
    let files: any RegistryStorage
    let offsets: ConsumerOffsets
    let nowMillis: @Sendable () -> Int64
    let logger: Logger
    private let inbox = NIOLockedValueBox(Inbox())
    // Held through a flush, a snapshot and a removal, so that their records are in the order of what they record.
    let writing = NIOLock()
    let output: NIOLockedValueBox<Output>
    let thread = PausingThread(name: "delivery-journal")

    init(
        configuration: DeliveryConfiguration, store: any DeliveryStore, files: any RegistryStorage,
        offsets: ConsumerOffsets, nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.configuration = configuration
        self.store = store
        self.files = files
        self.offsets = offsets
        self.nowMillis = nowMillis
        self.logger = logger
        let now = nowMillis()
        output = NIOLockedValueBox(Output(snapshotMillis: now, offsetsSavedMillis: now))
    }

    /// Notes that a subscription has unwritten changes; called once until they are taken.
    func list(_ subscription: Subscription) { put(.changes(subscription)) }

    private func put(_ item: Listed) {
        let mustWake = inbox.withLockedValue { inbox in
            inbox.listed.append(item)
            defer { inbox.isPausing = false }
            return inbox.isPausing
        }
        if mustWake { thread.wake() }
    }

    /// Takes a subscription out of service: `detach` removes it from the table. Returns who waits there.
    func remove(_ subscription: Subscription, detach: () -> Void) -> [WokenWaiter] {
        writing.withLock {
            detach()
            let waiters = subscription.withState { state in
                state.isRemoved = true
                _ = state.takeUnwritten()
                state.queues = []
                return state.takeWaiters()
            }
            put(.removal(subscription.key))
            return waiters
        }
    }

    // MARK: Writing

    /// Writes all listed changes; false when there were none.
    @discardableResult
    func flush() -> Bool {
        writing.withLock { flushUnderLock() }
    }

    @discardableResult
    func flushUnderLock() -> Bool {
        let listed = inbox.withLockedValue { inbox in
            defer { inbox.listed = [] }
            return inbox.listed
        }
        var record = LedgerRecord()
        for item in listed {
            switch item {
            case .removal(let key):
                record.appendRemoval(of: key)
            case .changes(let subscription):
                var ledgers: [AckLedger?]?
                add(take(subscription, ledgers: &ledgers), of: subscription, to: &record)
            }
        }
        keep(record)
        writeBacklog()
        return !listed.isEmpty
    }

    /// Adds changes to a record, and begins another when it is full.
    func add(_ changes: [[UInt8]], of subscription: Subscription, to record: inout LedgerRecord) {
        for piece in changes {
            record.append(subscription.key, changes: piece)
            guard record.bytes.count >= Self.recordBytesMax else { continue }
            keep(record)
            record = LedgerRecord()
        }
    }

    /// Has the thread take a snapshot soon.
    func askForSnapshot() {
        output.withLockedValue { $0.isSnapshotAsked = true }
        let mustWake = inbox.withLockedValue { inbox in
            defer { inbox.isPausing = false }
            return inbox.isPausing
        }
        if mustWake { thread.wake() }
    }

    /// Whether nobody is listed; then the next one to list itself ends the thread's pause.
    func pauseUntilListed() -> Bool {
        inbox.withLockedValue { inbox in
            inbox.isPausing = inbox.listed.isEmpty
            return inbox.isPausing
        }
    }

    /// The unwritten changes of a subscription, and its ledgers with just these changes; commits its low-water marks.
    func take(_ subscription: Subscription, ledgers: inout [AckLedger?]?) -> [[UInt8]] {
        var commits: [(queueID: Int32, offset: Int64)] = []
        let changes = subscription.withState { state -> [[UInt8]] in
            state.isListed = false
            guard !state.isRemoved else { return [] }
            for index in state.queues.indices {
                guard let offset = state.queues[index]?.ledger.lowWater,
                    offset != state.queues[index]?.committedOffset
                else { continue }
                state.queues[index]?.committedOffset = offset
                commits.append((Int32(index), offset))
            }
            if ledgers != nil { ledgers = state.queues.map { $0?.ledger } }
            return state.takeUnwritten()
        }
        offsets.commit(group: subscription.key.group, topic: subscription.key.topic, offsets: commits)
        return changes
    }

    func keep(_ record: LedgerRecord) {
        guard !record.isEmpty else { return }
        output.withLockedValue { output in
            guard !output.isBroken else { return }
            output.backlog.append(record.bytes)
            output.backlogBytes += record.bytes.count
            guard output.backlogBytes > configuration.journalBacklogBytesMax else { return }
            output.isBroken = true
            output.backlog = []
            output.backlogBytes = 0
        }
    }

    /// Appends the kept records in order, each after the one before was taken.
    func writeBacklog() {
        while let bytes = output.withLockedValue({ $0.backlog.first }) {
            switch append(bytes) {
            case .success(let queueOffset):
                output.withLockedValue { output in
                    output.backlog.removeFirst()
                    output.backlogBytes -= bytes.count
                    output.bytesSinceSnapshot += bytes.count
                    output.nextRecord = queueOffset + 1
                }
            case .failure(let error):
                logger.warning("changes of ack ledgers cannot be stored", metadata: ["error": "\(error)"])
                let now = nowMillis()
                output.withLockedValue { $0.retryAtMillis = now + Self.retryMillis }
                return
            }
        }
    }

    private static let retryMillis: Int64 = 100

    /// Appends one record and waits for it, here on the journal's thread.
    private func append(_ bytes: [UInt8]) -> Result<Int64, DeliveryStoreError> {
        let answer = NIOLockedValueBox<Result<Int64, DeliveryStoreError>?>(nil)
        let isDone = ConditionLock(value: false)
        store.appendRecord(NewRecord(topic: Self.topic, body: ByteBuffer(bytes: bytes))) { outcome in
            answer.withLockedValue { $0 = outcome }
            isDone.lock()
            isDone.unlock(withValue: true)
        }
        isDone.lock(whenValue: true)
        isDone.unlock()
        return answer.withLockedValue { $0 } ?? .failure(DeliveryStoreError("no answer"))
    }
}
