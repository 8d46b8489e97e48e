import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// Hands messages to consumer groups and keeps account of it: pop, acknowledge, change the invisible time, long polls.
///
/// The accounts are ack ledgers, one for each group, topic and queue. Every change of one goes to the journal, an
/// internal topic of the commit log, within milliseconds; snapshots bound what a start has to replay. The calls may come
/// from any thread; answers of pops come on the request's event loop, or on the calling thread.
///
/// ``recover()`` once after the store is open, ``start()``, and ``close()`` before the store closes. Without `start` the
/// owner drives ``fireTimers()`` and ``flushJournal()``, as tests do.
package final class DeliveryService: Sendable {
    /// What the service needs to know of the rest of the broker.
    package struct Dependencies: Sendable {
        /// The message store.
        package var store: any DeliveryStore
        /// The topic of that name.
        package var topic: @Sendable (String) -> TopicConfig?
        /// The group of that name, created where that is allowed.
        package var group: @Sendable (String) -> SubscriptionGroupConfig?
        /// Creates a topic of the broker's own unless it exists; the completion runs on any thread.
        package var createTopic: @Sendable (TopicConfig, @escaping @Sendable (Bool) -> Void) -> Void
        /// Whether an administrator forbade a group to read a topic.
        package var isForbidden: @Sendable (_ group: String, _ topic: String) -> Bool
        /// Runs what waits for the disk on another thread; false when too much of that waits already.
        package var coldRead: @Sendable (@escaping @Sendable () -> Void) -> Bool
        /// Whether the broker's permission allows reading.
        package var isReadable: @Sendable () -> Bool
        /// Where snapshots are kept.
        package var files: any RegistryStorage
        /// Committed offsets.
        package var offsets: ConsumerOffsets
        /// Compiled filters.
        package var filters: FilterCache
        /// The clock.
        package var nowMillis: @Sendable () -> Int64
        /// Where deliveries are counted; nil counts nothing.
        package var statistics: BrokerStatistics?

        /// All of them.
        package init(
            store: any DeliveryStore, topic: @escaping @Sendable (String) -> TopicConfig?,
            group: @escaping @Sendable (String) -> SubscriptionGroupConfig?,
            createTopic: @escaping @Sendable (TopicConfig, @escaping @Sendable (Bool) -> Void) -> Void,
            isReadable: @escaping @Sendable () -> Bool = { true },
            isForbidden: @escaping @Sendable (_ group: String, _ topic: String) -> Bool = { _, _ in false },
            coldRead: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool = {
                $0()
                return true
            }, files: any RegistryStorage,
            offsets: ConsumerOffsets, filters: FilterCache = FilterCache(), nowMillis: @escaping @Sendable () -> Int64,
            statistics: BrokerStatistics? = nil
        ) {
            self.store = store
            self.topic = topic
            self.group = group
            self.createTopic = createTopic
            self.isReadable = isReadable
            self.isForbidden = isForbidden
            self.coldRead = coldRead
            self.files = files
            self.offsets = offsets
            self.filters = filters
            self.nowMillis = nowMillis
            self.statistics = statistics
        }
    }

    let configuration: DeliveryConfiguration
    let dependencies: Dependencies
    let logger: Logger
    let table: SubscriptionTable
    let journal: LedgerJournal
    let timers = DeliveryTimers<Subscription>(threadName: "delivery-timer")
    let answeredPops = AnsweredPops()
    let waiterCount = Atomic<Int>(0)
    let isClosed = Atomic<Bool>(false)
    /// When ``recover()`` ran.
    let startMillis = Atomic<Int64>(.min)
    private let reviveQueue = Atomic<UInt32>(0)

    /// A service over an open or yet unopened store.
    package init(configuration: DeliveryConfiguration = .init(), dependencies: Dependencies, logger: Logger) {
        self.configuration = configuration
        self.dependencies = dependencies
        self.logger = logger
        table = SubscriptionTable(waitersPerKeyMax: configuration.waitersPerKeyMax)
        journal = LedgerJournal(
            configuration: configuration, store: dependencies.store, files: dependencies.files,
            offsets: dependencies.offsets, nowMillis: dependencies.nowMillis, logger: logger)
    }

    /// The committed offsets.
    package var offsets: ConsumerOffsets { dependencies.offsets }

    /// Requests parked now.
    package var parkedCount: Int { waiterCount.load(ordering: .relaxed) }

    // MARK: Life

    /// Rebuilds the ledgers from the last snapshot and the records after it; the store is open, nothing is served yet.
    package func recover() throws(BrokerError) {
        startMillis.store(dependencies.nowMillis(), ordering: .relaxed)
        var (image, needsSnapshot) = try journal.recover()
        for (key, queues) in image.ordered {
            let isCut = restore(queues, of: table.findOrMake(key))
            needsSnapshot = needsSnapshot || isCut
        }
        guard needsSnapshot, !journal.snapshot(table.all) else { return }
        throw BrokerError(.registryFile, "the snapshot of the ack ledgers cannot be saved")
    }

    /// Puts in recovered ledgers, cut to what the queues hold before new messages come: a power failure may have taken
    /// messages from the end of a queue, and their offsets will be given to others. Whether it did: that must be on the
    /// disk before anything is given out, or the next start would take the other messages for done.
    private func restore(_ queues: [Int32: AckLedger], of subscription: Subscription) -> Bool {
        var isCut = false
        let mustList = subscription.withState { state in
            for (queueID, ledger) in queues.sorted(by: { $0.key < $1.key })
            where queueID >= 0 && queueID < Self.queueIDMax {
                let bounds = dependencies.store.bounds(topic: subscription.key.topic, queueID: queueID)
                var ledger = ledger
                if ledger.nextOffset > bounds.max { isCut = true }
                if ledger.reconcile(minOffset: bounds.min, maxOffset: bounds.max) {
                    state.record(.reconcile(minOffset: bounds.min, maxOffset: bounds.max), queueID: queueID)
                }
                state.grow(to: queueID)
                state.queues[Int(queueID)] = QueueState(
                    ledger: ledger, startOffset: bounds.max, startMillis: startMillis.load(ordering: .relaxed))
            }
            return state.mustList()
        }
        if mustList { journal.list(subscription) }
        return isCut
    }

    /// No topic has a queue beyond.
    private static let queueIDMax: Int32 = 1 << 20

    /// Starts the threads for timers and the journal.
    package func start() -> Bool {
        timers.start(nowMillis: dependencies.nowMillis) { [weak self] in self?.fireTimers() }
            && journal.start { [weak self] in self?.table.all ?? [] }
    }

    /// Answers whoever waits, writes what is not written and saves a snapshot and the offsets.
    package func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        timers.stop()
        releaseWaiters()
        journal.close(table.all)
    }

    /// Answers whoever waits that there is nothing, so that connections can drain; acknowledgements go on being taken.
    package func releaseWaiters() {
        let now = dependencies.nowMillis()
        for subscription in table.all {
            let waiters = subscription.withState { $0.takeWaiters() }
            waiterCount.subtract(waiters.count, ordering: .relaxed)
            for waiter in waiters { expire(waiter, nowMillis: now, restCount: 0) }
        }
    }

    /// Writes the changes made since the last time to the internal topic, and a snapshot when one is due.
    package func flushJournal() {
        journal.flush()
        journal.maintain { table.all }
    }

    // MARK: Deletion

    /// Forgets all groups' state on a topic that was deleted. Like ``groupDeleted(_:)`` it waits for the journal: a start
    /// after a crash must not apply the old state to the messages of a new topic of that name.
    package func topicDeleted(_ topic: String) {
        forget(
            table.subscriptions(topic: topic),
            error: ServiceError(code: .topicNotExist, message: "topic[\(topic)] is deleted"))
        offsets.remove(topic: topic)
        journal.persistDeletion()
    }

    /// Forgets a group that was deleted.
    package func groupDeleted(_ group: String) {
        forget(
            table.all.filter { $0.key.group == group },
            error: ServiceError(code: .subscriptionGroupNotExist, message: "subscription group [\(group)] is deleted"))
        offsets.remove(group: group)
        journal.persistDeletion()
    }

    func forget(_ subscriptions: [Subscription], error: ServiceError) {
        for subscription in subscriptions {
            let waiters = journal.remove(subscription) { [table] in table.remove(subscription.key) }
            waiterCount.subtract(waiters.count, ordering: .relaxed)
            for waiter in waiters {
                switch waiter {
                case .pop(let waiter): waiter.completion(.failed(error))
                case .notification(let waiter): waiter.completion(.failed(error))
                }
            }
        }
    }

    /// Sets a group's position on a queue, forward or back: an administrator's reset.
    package func commitOffset(group: String, topic: String, queueID: Int32, offset: Int64) {
        let offset = Self.bounded(offset)
        offsets.commit(group: group, topic: topic, queueID: queueID, offset: offset)
        guard queueID >= 0, let subscription = table.find(SubscriptionKey(group: group, topic: topic)) else { return }
        let now = dependencies.nowMillis()
        var mustList = false
        let woken = subscription.withState { state -> [WokenWaiter] in
            guard Int(queueID) < state.queues.count, state.queues[Int(queueID)] != nil, !state.isRemoved else {
                return []
            }
            state.queues[Int(queueID)]?.ledger.reset(to: offset)
            state.record(.start(offset: offset), queueID: queueID)
            mustList = state.mustList()
            return takeOneWaiter(&state, queueID: queueID, nowMillis: now)
        }
        if mustList { journal.list(subscription) }
        run(woken)
    }

    /// Takes in how far consumers of a group that pull have come in a queue.
    ///
    /// Members of a group that pop share that progress: what is before the offset is done for them. It does not go back by
    /// this: what they acknowledged stays so, and the committed offset is not lower than theirs.
    package func advanceOffset(group: String, topic: String, queueID: Int32, offset: Int64) {
        let offset = Self.bounded(offset)
        guard queueID >= 0, let subscription = table.find(SubscriptionKey(group: group, topic: topic)) else {
            return offsets.commit(group: group, topic: topic, queueID: queueID, offset: offset)
        }
        let bounds = dependencies.store.bounds(topic: topic, queueID: queueID)
        var mustList = false
        let isAhead = subscription.withState { state -> Bool in
            guard Int(queueID) < state.queues.count, let lowWater = state.queues[Int(queueID)]?.ledger.lowWater,
                !state.isRemoved
            else { return true }
            guard offset > lowWater else { return false }
            if state.queues[Int(queueID)]?.ledger.reconcile(minOffset: offset, maxOffset: bounds.max) == true {
                state.record(.reconcile(minOffset: offset, maxOffset: bounds.max), queueID: queueID)
                mustList = state.mustList()
            }
            return true
        }
        if mustList { journal.list(subscription) }
        if isAhead { offsets.commit(group: group, topic: topic, queueID: queueID, offset: offset) }
    }

    /// Where a group that pops is in a queue; nil without a ledger.
    package func progress(group: String, topic: String, queueID: Int32) -> PopProgress? {
        table.find(SubscriptionKey(group: group, topic: topic))?.withState { state in
            guard queueID >= 0, Int(queueID) < state.queues.count else { return nil }
            return state.queues[Int(queueID)].map { queue in
                PopProgress(
                    lowWater: queue.ledger.lowWater, next: queue.ledger.nextOffset,
                    inFlight: queue.ledger.inFlightCount, deferred: queue.ledger.deferredCount)
            }
        }
    }

    // MARK: Helpers

    /// An offset within what the journal can hold: one record that cannot be replayed would take others with it.
    static func bounded(_ offset: Int64) -> Int64 { max(0, min(offset, Int64.max / 4)) }

    func nextReviveQueueID(isOrdered: Bool) -> Int32 {
        guard !isOrdered else { return ReceiptHandle.orderedReviveQueueId }
        let (_, count) = reviveQueue.add(1, ordering: .relaxed)
        return Int32(count % UInt32(max(1, configuration.reviveQueueCount)))
    }
}

extension SubscriptionState {
    /// Makes room for a queue's state.
    mutating func grow(to queueID: Int32) {
        while queues.count <= Int(queueID) { queues.append(nil) }
    }
}
