import BrokerServer
import InMemoryFileSystem
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine

/// The time of a run, which the run moves.
final class SimulatedClock: StoreClock {
    private let value = NIOLockedValueBox<Int64>(1_700_000_000_000)
    var nowMillis: Int64 { value.withLockedValue { $0 } }

    func advance(_ millis: Int64) { value.withLockedValue { $0 += millis } }
}

/// What a run sets about its broker.
struct WorldConfiguration {
    var store = StoreConfiguration(rootPath: World.root)
    var delivery = DeliveryConfiguration()
    var checksTail = true
    /// Whether there are delayed messages and transactions.
    var hasWaiting = false
}

/// One process: the real store and the real delivery service over an in-memory disk, without threads.
final class World: Sendable {
    static let root = "/store"
    static let retryMaxTimes: Int32 = 3
    /// Topics of the workload with their queues.
    static let topics: [(name: String, queueCount: Int32)] = [("plain", 3), ("ordered", 2)]

    /// A topic that is deleted and made again, with queues that nobody pops.
    static let deletedTopic = (name: "deleted", queueCount: Int32(2))

    let files: InMemoryFileSystem
    let clock: SimulatedClock
    let store: MessageStore
    let offsets: ConsumerOffsets
    let delivery: DeliveryService
    /// Delayed messages and transactions, where the workload has them.
    let waiting: WaitingServices?
    let report: RecoveryReport
    private let deliveryStore: SteppedDeliveryStore

    /// Starts over what is on the disk.
    init(
        _ configuration: WorldConfiguration, files: InMemoryFileSystem, clock: SimulatedClock,
        ask: @escaping @Sendable (TransactionCheck) -> Void = { _ in }
    ) throws {
        self.files = files
        self.clock = clock
        var settings = configuration.store
        settings.checkCRCOnRecover = configuration.checksTail
        let store = MessageStore(configuration: settings, fileSystem: files, clock: clock)
        self.store = store
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        let registry = try RegistryDirectory(path: Self.root + "/config", files: files)
        offsets = try ConsumerOffsets(storage: registry, nowMillis: { clock.nowMillis }, logger: logger)
        deliveryStore = SteppedDeliveryStore(
            store: store, flushes: settings.flushMode == .synchronous, nowMillis: { clock.nowMillis })
        delivery = DeliveryService(
            configuration: configuration.delivery,
            dependencies: DeliveryService.Dependencies(
                store: deliveryStore, topic: Self.topic, group: Self.group, createTopic: { $1(true) },
                files: registry, offsets: offsets, nowMillis: { clock.nowMillis }),
            logger: logger)
        waiting =
            configuration.hasWaiting
            ? WaitingServices(store: store, files: registry, offsets: offsets, clock: clock, ask: ask, logger: logger)
            : nil
        let (delivery, waiting) = (delivery, waiting)
        store.setDispatchObserver { messages in
            waiting?.delay.messagesArrived(messages)
            delivery.messagesArrived(
                messages.map { ArrivedMessage(topic: $0.topic, queueID: $0.queueId, tagsCode: $0.tagsCode) })
        }
        delivery.guardLog(of: store)
        report = try store.open(driving: .steps)
        try delivery.recover()
        try waiting?.recover()
    }

    @Sendable private static func topic(_ name: String) -> TopicConfig? {
        if let topic = topics.first(where: { $0.name == name }) {
            return TopicConfig(name: name, readQueueCount: topic.queueCount, writeQueueCount: topic.queueCount)
        }
        return name.hasPrefix("%DLQ%") ? TopicConfig(name: name, readQueueCount: 1, writeQueueCount: 1) : nil
    }

    @Sendable private static func group(_ name: String) -> SubscriptionGroupConfig? {
        var group = SubscriptionGroupConfig(name: name)
        group.retryMaxTimes = retryMaxTimes
        return group
    }

    /// The store takes nothing any more until the next start.
    var isFenced: Bool { store.writeRefusal?.code == .fenced }

    /// Writes the changes of ledgers; whether all of them are in the log.
    func flushJournal() -> Bool {
        deliveryStore.forgetRefusals()
        delivery.flushJournal()
        return !deliveryStore.hasRefused && !files.hasLostPower
    }

    /// Stops as asked; whether everything was saved.
    func close() throws -> Bool {
        deliveryStore.forgetRefusals()
        waiting?.transactions.close()
        delivery.close()
        try store.close()
        waiting?.delay.saveAtEnd()
        return !deliveryStore.hasRefused && !files.hasLostPower
    }
}

/// The store for delivery, which waits for its journal on the thread that flushes: here that is the same one.
private final class SteppedDeliveryStore: DeliveryStore {
    private let inner: BrokerDeliveryStore
    private let store: MessageStore
    private let flushes: Bool
    private let refusals = NIOLockedValueBox(0)

    init(store: MessageStore, flushes: Bool, nowMillis: @escaping @Sendable () -> Int64) {
        self.store = store
        self.flushes = flushes
        inner = BrokerDeliveryStore(
            store: store, storeHost: SocketHost(bytes: [127, 0, 0, 1], port: 10_911), nowMillis: nowMillis)
    }

    var hasRefused: Bool { refusals.withLockedValue { $0 > 0 } }
    func forgetRefusals() { refusals.withLockedValue { $0 = 0 } }

    func bounds(topic: String, queueID: Int32) -> (min: Int64, max: Int64) {
        inner.bounds(topic: topic, queueID: queueID)
    }

    func storedMillis(topic: String, queueID: Int32, offset: Int64) -> Int64? {
        inner.storedMillis(topic: topic, queueID: queueID, offset: offset)
    }

    func readRecords(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, into buffer: inout ByteBuffer,
        matching: ((Int64) -> Bool)?, accepting: ((UnsafeRawBufferPointer) -> Bool)?
    ) -> RecordBatch {
        inner.readRecords(
            topic: topic, queueID: queueID, from: from, maxCount: maxCount, maxBytes: maxBytes, into: &buffer,
            matching: matching, accepting: accepting)
    }

    func synchronize() -> Bool { inner.synchronize() }

    func appendRecord(
        _ record: NewRecord, completion: @escaping @Sendable (Result<Int64, DeliveryStoreError>) -> Void
    ) {
        let refusals = refusals
        inner.appendRecord(record) { outcome in
            if case .failure = outcome { refusals.withLockedValue { $0 += 1 } }
            completion(outcome)
        }
        if flushes { store.flushStep() }
    }
}
