import Foundation
import MessageModel
import NIOCore
import NIOConcurrencyHelpers

@testable import StorageEngine

/// A clock that the test moves.
final class ManualClock: StoreClock {
    private let value = NIOLockedValueBox<Int64>(1_700_000_000_000)
    var nowMillis: Int64 { value.withLockedValue { $0 } }
    func advance(_ millis: Int64) { value.withLockedValue { $0 += millis } }
}

/// A store in a directory that goes away with the test.
final class StoreFixture {
    let root: String
    var configuration: StoreConfiguration
    let clock = ManualClock()
    let dispatched = NIOLockedValueBox<[DispatchedMessage]>([])
    private let arrived = DispatchSemaphore(value: 0)

    init() {
        root = NSTemporaryDirectory() + "store-" + UUID().uuidString
        configuration = StoreConfiguration(rootPath: root)
        configuration.commitLogFileBytes = 131_072
        configuration.consumeQueueFileBytes = 6_000
        configuration.indexSlotCount = 100
        configuration.indexEntryCount = 400
        configuration.diskWarningPercent = 100
        configuration.diskCleanForciblyPercent = 100
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func makeStore(files: any FileSystem = LinuxFileSystem()) -> MessageStore {
        let store = MessageStore(configuration: configuration, fileSystem: files, clock: clock)
        store.setDispatchObserver { [dispatched, arrived] messages in
            dispatched.withLockedValue { $0 += messages }
            for _ in messages { arrived.signal() }
        }
        return store
    }

    /// Waits until so many more messages were dispatched.
    func awaitDispatch(_ count: Int) {
        for _ in 0..<count { arrived.wait() }
    }

    /// Waits until one more message was dispatched; false when none was in time.
    func awaitDispatch(within seconds: Int) -> Bool {
        arrived.wait(timeout: .now() + .seconds(seconds)) == .success
    }

    static func message(
        _ body: String, topic: String = "T", queueId: Int32 = 0, properties: String = ""
    ) -> StoreMessage {
        StoreMessage(
            topic: topic, queueId: queueId, bornTimestampMillis: 1,
            bornHost: SocketHost(bytes: [127, 0, 0, 1], port: 5),
            storeHost: SocketHost(bytes: [127, 0, 0, 1], port: 10911), properties: ByteBuffer(string: properties),
            body: ByteBuffer(string: body))
    }

    /// The outcome of an append, waited for.
    static func append(_ messages: [StoreMessage], to store: MessageStore) -> AppendOutcome {
        let answer = NIOLockedValueBox<AppendOutcome?>(nil)
        let done = DispatchSemaphore(value: 0)
        store.appendBatch(messages) { outcome in
            answer.withLockedValue { $0 = outcome }
            done.signal()
        }
        done.wait()
        return answer.withLockedValue { $0 } ?? .failed(StoreError(.io, "no outcome"))
    }
}

extension AppendOutcome {
    var receipt: AppendReceipt? {
        if case .stored(let receipt) = self { return receipt }
        return nil
    }
    var error: StoreError? {
        if case .failed(let error) = self { return error }
        return nil
    }
}
