import Foundation
import Logging
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

@testable import BrokerServer

/// A broker over a store in a directory of its own, removed at the end.
final class TestBroker {
    let broker: Broker
    let directory: String
    private var isClosed = false

    init(
        storage: MemoryRegistryStorage = MemoryRegistryStorage(),
        _ change: (inout BrokerConfiguration) -> Void = { _ in }
    ) throws {
        directory = NSTemporaryDirectory() + "broker-test-" + UUID().uuidString
        var configuration = BrokerConfiguration()
        configuration.brokerName = "broker-a"
        configuration.topics = TopicRegistry.Settings(brokerName: "broker-a")
        configuration.bindAddress = "127.0.0.1"
        configuration.listenPort = 0
        configuration.haListenPort = 0
        configuration.storePath = directory
        configuration.store = StoreConfiguration(rootPath: directory)
        configuration.store.commitLogFileBytes = 4 << 20
        configuration.store.consumeQueueFileBytes = 20 * 1_024
        configuration.store.indexSlotCount = 1_000
        configuration.store.indexEntryCount = 4_000
        // The machine of the tests may have little room: that is not what they are about.
        configuration.store.diskWarningPercent = 99
        configuration.store.diskCleanForciblyPercent = 98
        change(&configuration)
        let clock = SystemClock()
        let store = MessageStore(
            configuration: configuration.store, fileSystem: LinuxFileSystem(), clock: clock)
        broker = try Broker(
            configuration: configuration, store: store, storage: storage, nowMillis: { clock.nowMillis },
            logger: Logger(label: "test"))
        try broker.open()
    }

    func close() throws {
        guard !isClosed else { return }
        isClosed = true
        try broker.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    deinit {
        try? close()
    }

    func createTopic(_ name: String, queues: Int32 = 4) async throws {
        _ = try await broker.topics.put(
            TopicConfig(name: name, readQueueCount: queues, writeQueueCount: queues)
        ).get()
    }

    func put(_ group: SubscriptionGroupConfig) async throws {
        let outcome = await withCheckedContinuation { done in
            broker.groups.update(group) { done.resume(returning: $0) }
        }
        try outcome.get()
    }

    func send(_ request: SendRequest) async -> SendOutcome {
        await withCheckedContinuation { done in broker.send(request) { done.resume(returning: $0) } }
    }

    func request(_ topic: String, body: String = "hello", properties: String? = nil) -> SendRequest {
        var request = SendRequest(
            topic: topic, bornTimestampMillis: 1, bornHost: .unknown, body: ByteBuffer(string: body))
        request.properties = properties.map { ByteBuffer(string: $0) }
        request.queueID = 0
        return request
    }

    /// All records of a queue, read by their log offsets as consumers will see them.
    func record(at receipt: SendReceipt) throws -> MessageRecord {
        var buffer = ByteBuffer()
        guard case .one(let offset) = receipt.logOffsets,
            broker.store.readRecord(logOffset: offset, into: &buffer)
        else { throw BrokerError(.store, "no record") }
        return try MessageRecord(buffer)
    }
}
