import Logging
import MessageModel
import NIOConcurrencyHelpers
import ServerSupport

@testable import BrokerServer

/// A `config` directory in memory that can be told to fail.
final class MemoryRegistryStorage: RegistryStorage {
    private let files: NIOLockedValueBox<[String: [UInt8]]>
    private let isFailing = NIOLockedValueBox(false)

    init(_ files: [String: [UInt8]] = [:]) {
        self.files = NIOLockedValueBox(files)
    }

    func failWrites(_ fails: Bool = true) { isFailing.withLockedValue { $0 = fails } }

    func remove(_ name: String) { files.withLockedValue { $0[name] = nil } }

    func content(_ name: String) -> [UInt8]? { files.withLockedValue { $0[name] } }

    func read(_ name: String) throws(BrokerError) -> [UInt8]? { content(name) }

    func replace(_ name: String, with bytes: [UInt8]) throws(BrokerError) {
        if isFailing.withLockedValue({ $0 }) { throw BrokerError(.registryFile, "the disk is full") }
        files.withLockedValue { files in
            files[name + ".bak"] = files[name]
            files[name] = bytes
        }
    }
}

/// Registries over a storage, with a clock that stands still.
struct RegistryWorld {
    let storage: MemoryRegistryStorage
    let worker = SerialWorker(name: "registry")

    init(_ storage: MemoryRegistryStorage = MemoryRegistryStorage()) {
        self.storage = storage
    }

    func topics(_ settings: TopicRegistry.Settings = .init(brokerName: "broker-a")) throws -> TopicRegistry {
        try TopicRegistry(
            settings: settings, storage: storage, worker: worker, nowMillis: { 1_795_365_040_078 },
            logger: Logger(label: "test"))
    }

    func groups(_ settings: GroupRegistry.Settings = .init()) throws -> GroupRegistry {
        try GroupRegistry(
            settings: settings, storage: storage, worker: worker, nowMillis: { 1_795_365_038_722 },
            logger: Logger(label: "test"))
    }
}

extension TopicRegistry {
    func create(_ request: CreationRequest) async -> Result<TopicConfig, ServiceError> {
        await withCheckedContinuation { done in createOnSend(request) { done.resume(returning: $0) } }
    }

    func put(_ topic: TopicConfig) async -> Result<TopicConfig, ServiceError> {
        await withCheckedContinuation { done in update(topic) { done.resume(returning: $0) } }
    }

    func remove(_ name: String) async -> Result<TopicConfig, ServiceError> {
        await withCheckedContinuation { done in delete(name) { done.resume(returning: $0) } }
    }
}

extension GroupRegistry {
    func put(_ group: SubscriptionGroupConfig) async -> Result<Void, ServiceError> {
        await withCheckedContinuation { done in update(group) { done.resume(returning: $0) } }
    }
}
