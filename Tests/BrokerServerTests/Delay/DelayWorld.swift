import Foundation
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine

@testable import BrokerServer

/// A broker without threads on a clock that the test sets: what is sent is dispatched, and what is due is delivered, when
/// the test says so.
final class DelayWorld {
    final class Clock: StoreClock {
        private let millis: NIOLockedValueBox<Int64>
        init(_ millis: Int64) { self.millis = NIOLockedValueBox(millis) }
        var nowMillis: Int64 { millis.withLockedValue { $0 } }
        func set(_ value: Int64) { millis.withLockedValue { $0 = value } }
    }

    let clock: Clock
    let storage: MemoryRegistryStorage
    let broker: Broker
    let directory: String
    var delay: DelayService { broker.delay }

    init(
        directory: String? = nil, storage: MemoryRegistryStorage = MemoryRegistryStorage(),
        files: any FileSystem = LinuxFileSystem(), nowMillis: Int64 = 1_800_000_000_250,
        _ change: (inout BrokerConfiguration) -> Void = { _ in }
    ) throws {
        self.directory = directory ?? NSTemporaryDirectory() + "delay-test-" + UUID().uuidString
        self.storage = storage
        clock = Clock(nowMillis)
        var configuration = BrokerConfiguration()
        configuration.brokerName = "broker-a"
        configuration.topics = TopicRegistry.Settings(brokerName: "broker-a")
        configuration.storePath = self.directory
        configuration.store = StoreConfiguration(rootPath: self.directory)
        configuration.store.commitLogFileBytes = 1 << 17
        configuration.store.consumeQueueFileBytes = 6_000
        configuration.store.diskWarningPercent = 99
        configuration.store.diskCleanForciblyPercent = 98
        change(&configuration)
        let store = MessageStore(configuration: configuration.store, fileSystem: files, clock: clock)
        let clock = clock
        broker = try Broker(
            configuration: configuration, store: store, storage: storage, nowMillis: { clock.nowMillis },
            logger: Logger(label: "test"))
        let delay = broker.delay
        store.setDispatchObserver { delay.messagesArrived($0) }
        _ = try store.open(driving: .steps)
        try delay.recover()
    }

    deinit {
        try? broker.store.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var nowMillis: Int64 { clock.nowMillis }

    /// Dispatches and delivers until nothing is due.
    func run() {
        for _ in 0..<10_000 {
            while broker.store.dispatchStep() {}
            if delay.pass() != 0 { break }
        }
        while broker.store.dispatchStep() {}
    }

    /// Moves the clock in steps, and delivers at each.
    func advance(millis: Int64, step: Int64 = 50) {
        let end = nowMillis + millis
        while nowMillis < end {
            clock.set(min(end, nowMillis + step))
            run()
        }
    }

    @discardableResult
    func send(
        _ topic: String, _ body: String, queueID: Int32 = 0, _ properties: [(name: String, value: String)]
    ) -> Result<SendReceipt, ServiceError> {
        var request = SendRequest(
            topic: topic, bornTimestampMillis: nowMillis - 1, bornHost: SocketHost(bytes: [10, 0, 0, 9], port: 4_711),
            body: ByteBuffer(string: body))
        request.queueID = queueID
        request.properties = ByteBuffer(string: PropertyText.encode(properties))
        let outcome = NIOLockedValueBox<SendOutcome?>(nil)
        broker.send(request) { result in outcome.withLockedValue { $0 = result } }
        switch outcome.withLockedValue({ $0 }) {
        case .stored(let receipt)?: return .success(receipt)
        case .unconfirmed(_, let error)?, .refused(let error)?: return .failure(error)
        case nil: return .failure(ServiceError(code: .systemError, message: "no answer yet"))
        }
    }

    func createTopic(_ name: String, queues: Int32 = 4) async throws {
        _ = try await broker.topics.put(
            TopicConfig(name: name, readQueueCount: queues, writeQueueCount: queues)
        ).get()
    }

    /// All records of a queue.
    func records(_ topic: String, queueID: Int32 = 0) throws -> [MessageRecord] {
        var buffer = ByteBuffer()
        let result = broker.store.read(
            topic: topic, queueId: queueID, from: broker.store.minOffset(topic: topic, queueId: queueID),
            maxCount: 100_000, maxBytes: 64 << 20, into: &buffer)
        return result.records.compactMap { MessageRecord(buffer, range: $0.range) }
    }

    func bodies(_ topic: String, queueID: Int32 = 0) throws -> [String] {
        try records(topic, queueID: queueID).map { String(buffer: $0.body) }
    }

    /// The world after this process was killed: another process on the files as they are. This one must not go on.
    func killed(_ change: (inout BrokerConfiguration) -> Void = { _ in }) throws -> DelayWorld {
        let copy = NSTemporaryDirectory() + "delay-test-" + UUID().uuidString
        try FileManager.default.copyItem(atPath: directory, toPath: copy)
        return try DelayWorld(directory: copy, storage: storage.copy(), nowMillis: nowMillis, change)
    }
}

extension MemoryRegistryStorage {
    /// Another directory with the same files.
    func copy() -> MemoryRegistryStorage {
        var files: [String: [UInt8]] = [:]
        for name in ["topics.json", "subscriptionGroup.json", "consumerOffset.json", "delayOffset.json"] {
            files[name] = content(name)
        }
        return MemoryRegistryStorage(files)
    }
}
