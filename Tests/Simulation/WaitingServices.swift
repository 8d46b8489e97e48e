import BrokerServer
import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine

/// The services for messages that wait: for a time, or for the end of their transaction.
struct WaitingServices: Sendable {
    /// Where they go then.
    static let delayedTopic = "later"
    static let transactionTopic = "paid"
    static let levels: [Int64] = [1_000, 5_000, 30_000, 600_000]
    static let group = "producers"
    static let host = SocketHost(bytes: [127, 0, 0, 1], port: 10_911)

    let delay: DelayService
    let transactions: TransactionService

    init(
        store: MessageStore, files: any RegistryStorage, offsets: ConsumerOffsets, clock: SimulatedClock,
        ask: @escaping @Sendable (TransactionCheck) -> Void, logger: Logger
    ) {
        let nowMillis: @Sendable () -> Int64 = { clock.nowMillis }
        var settings = DelaySettings()
        if let levels = DelayLevels(parsing: "1s 5s 30s 10m") { settings.levels = levels }
        settings.timerRollMillis = 1_800_000
        delay = DelayService(
            settings: settings, store: store, files: files, runSave: { $0() },
            append: { message, completion in
                let isDone = NIOLockedValueBox(false)
                store.append(message) { outcome in
                    isDone.withLockedValue { $0 = true }
                    completion(outcome)
                }
                // The service waits for the thread that flushes: here that is the same one.
                if !isDone.withLockedValue({ $0 }) { store.flushStep() }
            }, nowMillis: nowMillis, logger: logger)
        var limits = TransactionTable.Limits()
        limits.checkCountMax = 3
        limits.checkIntervalMillis = 10_000
        limits.recordMillisMax = 60_000
        transactions = TransactionService(
            limits: limits,
            dependencies: TransactionService.Dependencies(
                store: BrokerTransactionStore(store: store), storeHost: Self.host,
                topic: {
                    $0 == Self.transactionTopic ? TopicConfig(name: $0, readQueueCount: 1, writeQueueCount: 1) : nil
                },
                createTopic: { $1(true) }, producer: { _ in ask }, files: files, offsets: offsets,
                nowMillis: nowMillis), logger: logger)
    }

    func recover() throws {
        try delay.recover()
        try transactions.recover()
    }
}
