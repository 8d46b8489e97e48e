import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

/// Collects what completions deliver.
final class Inbox<Value: Sendable>: Sendable {
    private let values = NIOLockedValueBox<[Value]>([])

    func put(_ value: Value) { values.withLockedValue { $0.append(value) } }
    var all: [Value] { values.withLockedValue { $0 } }
    var count: Int { all.count }
}

/// A delivery service over a store and files that outlive it, with a clock that moves by hand and no threads.
final class DeliveryWorld: Sendable {
    static let group = "group"

    let store: MemoryDeliveryStore
    let files: MemoryRegistryStorage
    let clock: NIOLockedValueBox<Int64>
    private let realClock: (@Sendable () -> Int64)?
    let topics = NIOLockedValueBox<[String: TopicConfig]>([:])
    let groups = NIOLockedValueBox<[String: SubscriptionGroupConfig]>([:])
    let offsets: ConsumerOffsets
    let service: DeliveryService
    /// Whether the broker allows reading.
    let isReadable = NIOLockedValueBox(true)
    /// Reads that wait for the disk, and how many of them may.
    private let coldReads = NIOLockedValueBox<(jobs: [@Sendable () -> Void], max: Int)>(([], 100))

    init(
        _ store: MemoryDeliveryStore = MemoryDeliveryStore(), files: MemoryRegistryStorage = MemoryRegistryStorage(),
        now: Int64 = 1_700_000_000_000, configuration: DeliveryConfiguration = DeliveryConfiguration(),
        queueCount: Int32 = 1, retryMaxTimes: Int32 = 16, realClock: (@Sendable () -> Int64)? = nil
    ) throws {
        self.store = store
        self.files = files
        let clock = NIOLockedValueBox(now)
        self.clock = clock
        self.realClock = realClock
        let nowMillis: @Sendable () -> Int64 = realClock ?? { clock.withLockedValue { $0 } }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        offsets = try ConsumerOffsets(storage: files, nowMillis: nowMillis, logger: logger)
        var group = SubscriptionGroupConfig(name: Self.group)
        group.retryMaxTimes = retryMaxTimes
        groups.withLockedValue { $0 = [Self.group: group] }
        topics.withLockedValue {
            $0 = ["T": TopicConfig(name: "T", readQueueCount: queueCount, writeQueueCount: queueCount)]
        }
        service = DeliveryService(
            configuration: configuration,
            dependencies: DeliveryService.Dependencies(
                store: store, topic: { [topics] name in topics.withLockedValue { $0[name] } },
                group: { [groups] name in groups.withLockedValue { $0[name] } },
                createTopic: { [topics] topic, done in
                    topics.withLockedValue { $0[topic.name] = topic }
                    done(true)
                },
                isReadable: { [isReadable] in isReadable.withLockedValue { $0 } },
                coldRead: { [coldReads] job in
                    coldReads.withLockedValue { reads in
                        guard reads.jobs.count < reads.max else { return false }
                        reads.jobs.append(job)
                        return true
                    }
                }, files: files, offsets: offsets, nowMillis: nowMillis),
            logger: logger)
        try service.recover()
    }

    /// Lets the disk answer those who wait for it now; how many did.
    @discardableResult
    func readDisk() -> Int {
        let jobs = coldReads.withLockedValue { reads in
            defer { reads.jobs = [] }
            return reads.jobs
        }
        for job in jobs { job() }
        return jobs.count
    }

    func limitColdReads(to max: Int) { coldReads.withLockedValue { $0.max = max } }

    /// The next process over the same disk.
    func restarted() throws -> DeliveryWorld {
        let world = try DeliveryWorld(
            store, files: files, now: now, configuration: service.configuration,
            queueCount: topics.withLockedValue { $0["T"]?.readQueueCount ?? 1 },
            retryMaxTimes: groups.withLockedValue { $0[Self.group]?.retryMaxTimes ?? 16 }, realClock: realClock)
        return world
    }

    var now: Int64 { realClock?() ?? clock.withLockedValue { $0 } }

    /// A clock that goes by itself.
    static func makeRealClock() -> @Sendable () -> Int64 {
        let start = ContinuousClock.now
        return {
            let elapsed = (ContinuousClock.now - start).components
            return 1_700_000_000_000 + elapsed.seconds * 1_000 + elapsed.attoseconds / 1_000_000_000_000_000
        }
    }

    func advance(_ millis: Int64) {
        clock.withLockedValue { $0 += millis }
        service.fireTimers()
    }

    func send(_ count: Int = 1, queueID: Int32 = 0, tag: String? = nil) {
        for _ in 0..<count {
            store.add("T", queueID: queueID, tag: tag)
            let tagsCode = tag.map { Int64(JavaHash.hashCode($0)) } ?? 0
            service.messagesArrived([ArrivedMessage(topic: "T", queueID: queueID, tagsCode: tagsCode)])
        }
    }

    /// One message for each character, which is its message group; a space stands for none.
    func sendGroups(_ groups: String, queueID: Int32 = 0) {
        for group in groups {
            let properties = group == " " ? "" : "__SHARDINGKEY\u{1}\(group)\u{2}"
            store.add("T", queueID: queueID, properties: properties)
            service.messagesArrived([ArrivedMessage(topic: "T", queueID: queueID, tagsCode: 0)])
        }
    }

    func request(_ change: (inout PopRequest) -> Void = { _ in }) -> PopRequest {
        var request = PopRequest(group: Self.group, topic: "T")
        request.invisibleMillis = 1_000
        change(&request)
        return request
    }

    /// A pop that may wait.
    func start(_ change: (inout PopRequest) -> Void = { _ in }) -> Inbox<PopOutcome> {
        let inbox = Inbox<PopOutcome>()
        service.pop(request(change)) { inbox.put($0) }
        return inbox
    }

    /// A pop that answers at once.
    func pop(_ change: (inout PopRequest) -> Void = { _ in }) -> PopBatch? { start(change).all.first?.batch }

    func ack(
        _ offset: Int64, queueID: Int32 = 0, popped: Int64? = nil, isOrdered: Bool = false
    ) throws(ServiceError) {
        try service.ack(handle(offset, queueID: queueID, popped: popped, isOrdered: isOrdered))
    }

    func change(
        _ offset: Int64, queueID: Int32 = 0, popped: Int64? = nil, isOrdered: Bool = false, to millis: Int64
    ) throws(ServiceError) -> ChangedHandle {
        try service.changeInvisible(
            handle(offset, queueID: queueID, popped: popped, isOrdered: isOrdered),
            handleReviveQueueID: isOrdered ? 999 : 3, invisibleMillis: millis)
    }

    private func handle(_ offset: Int64, queueID: Int32, popped: Int64?, isOrdered: Bool) -> AckRequest {
        AckRequest(
            group: Self.group, topic: "T", queueID: queueID, offset: offset, popMillis: popped ?? now,
            isOrdered: isOrdered)
    }
}

extension PopOutcome {
    var batch: PopBatch? { if case .found(let batch) = self { batch } else { nil } }

    /// The kind of answer in a word.
    var word: String {
        switch self {
        case .found: "found"
        case .timedOut: "timedOut"
        case .pollingFull: "pollingFull"
        case .failed(let error): "failed \(error.code.rawValue)"
        }
    }
}

extension PopBatch {
    var queueOffsets: [Int64] { messages.map(\.queueOffset) }
    var attempts: [Int32] { messages.map(\.attempt) }

    /// The records as a client decodes them.
    func records() throws -> [MessageRecord] { try MessageRecord.all(in: body) }
}
