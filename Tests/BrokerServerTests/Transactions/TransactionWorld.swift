import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine

@testable import BrokerServer

/// A transaction service over a store in memory, with a clock that only the test moves.
final class TransactionWorld {
    let clock: NIOLockedValueBox<Int64>
    let store: MemoryTransactionStore
    let files: MemoryRegistryStorage
    let service: TransactionService
    /// Groups with a live producer.
    let producers: NIOLockedValueBox<Set<String>>
    private let asked = NIOLockedValueBox<[TransactionCheck]>([])
    private let topics = NIOLockedValueBox<Set<String>>(["T"])
    let offsets: ConsumerOffsets

    init(
        clock: NIOLockedValueBox<Int64> = NIOLockedValueBox(1_000_000), store: MemoryTransactionStore? = nil,
        files: MemoryRegistryStorage = MemoryRegistryStorage(), producers: Set<String> = ["P"],
        limits: TransactionTable.Limits = TransactionTable.Limits()
    ) throws {
        let now: @Sendable () -> Int64 = { clock.withLockedValue { $0 } }
        self.clock = clock
        let store = store ?? MemoryTransactionStore(nowMillis: now)
        self.store = store
        self.files = files
        let live = NIOLockedValueBox(producers)
        self.producers = live
        let (asked, topics) = (asked, topics)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        offsets = try ConsumerOffsets(storage: files, nowMillis: now, logger: logger)
        service = TransactionService(
            limits: limits,
            dependencies: TransactionService.Dependencies(
                store: store, storeHost: SocketHost(bytes: [127, 0, 0, 1], port: 10_911),
                topic: { name in
                    topics.withLockedValue { $0.contains(name) }
                        ? TopicConfig(name: name, readQueueCount: 4, writeQueueCount: 4) : nil
                },
                createTopic: { _, completion in completion(true) },
                producer: { group in
                    guard live.withLockedValue({ $0.contains(group) }) else { return nil }
                    return { check in asked.withLockedValue { $0.append(check) } }
                }, files: files, offsets: offsets, nowMillis: now), logger: logger)
        try service.recover()
    }

    /// What a start finds after a stop without warning, when so many records had reached the log.
    func restarted(records: Int = .max, producers: Set<String> = ["P"]) throws -> TransactionWorld {
        try TransactionWorld(
            clock: clock, store: store.survivor(count: records), files: files, producers: producers,
            limits: service.limits)
    }

    func pass(_ millis: Int64) {
        clock.withLockedValue { $0 += millis }
        _ = service.tick()
    }

    /// The questions since the last time.
    func takeAsked() -> [TransactionCheck] {
        asked.withLockedValue { asked in
            defer { asked = [] }
            return asked
        }
    }

    func forget(topic: String) { topics.withLockedValue { _ = $0.remove(topic) } }

    /// Sends a half message; answers where it is.
    @discardableResult
    func prepare(
        _ body: String, group: String = "P", queueID: Int32 = 1, properties: String = ""
    ) throws -> (queue: Int64, log: Int64) {
        let message = StoreMessage(
            topic: "T", queueId: queueID, sysFlag: .transactionPrepared,
            bornTimestampMillis: clock.withLockedValue { $0 }, bornHost: SocketHost(bytes: [10, 0, 0, 1], port: 7),
            storeHost: SocketHost(bytes: [127, 0, 0, 1], port: 10_911),
            properties: ByteBuffer(
                string: "\(properties)TRAN_MSG\u{1}true\u{2}PGROUP\u{1}\(group)\u{2}UNIQ_KEY\u{1}id-\(body)"),
            body: ByteBuffer(string: body))
        let place = NIOLockedValueBox<(queue: Int64, log: Int64)>((-1, -1))
        try service.prepare(message) { outcome in
            if case .stored(let receipt) = outcome {
                place.withLockedValue { $0 = (receipt.queueOffset, receipt.logOffset) }
            }
        }
        return place.withLockedValue { $0 }
    }

    /// Ends a transaction; nil for success, the code otherwise, `.noMessage` when there was no answer.
    @discardableResult
    func end(
        _ place: (queue: Int64, log: Int64), _ decision: EndTransaction.Decision, group: String = "P",
        isAnswer: Bool = false
    ) -> ResponseCode? {
        let answer = NIOLockedValueBox<ResponseCode?>(.noMessage)
        service.end(
            EndTransaction(
                decision, producerGroup: group, queueOffset: place.queue, logOffset: place.log,
                isAnswerToCheck: isAnswer)
        ) { result in
            switch result {
            case .success: answer.withLockedValue { $0 = nil }
            case .failure(let error): answer.withLockedValue { $0 = error.code }
            }
        }
        return answer.withLockedValue { $0 }
    }

    /// Opens a transaction again that was given up; nil for success, the code otherwise.
    func resume(_ logOffset: Int64) -> ResponseCode? {
        let answer = NIOLockedValueBox<ResponseCode?>(.noMessage)
        service.resume(logOffset: logOffset) { result in
            switch result {
            case .success: answer.withLockedValue { $0 = nil }
            case .failure(let error): answer.withLockedValue { $0 = error.code }
            }
        }
        return answer.withLockedValue { $0 }
    }

    /// The bodies that consumers of the topic see.
    var delivered: [String] { store.records("T").map { String(buffer: $0.body) } }

    /// The op messages: how, and which offsets.
    var ops: [String] {
        store.records(NameRules.opHalfTopic).map { record in
            "\(record.property("TRAN_END") ?? "-") \(String(buffer: record.body))"
        }
    }
}
