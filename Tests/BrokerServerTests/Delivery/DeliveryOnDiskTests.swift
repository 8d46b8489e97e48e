import DeliveryEngine
import Foundation
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

/// The delivery service over the real store, in a directory that goes away with the test.
private final class DiskWorld: Sendable {
    private struct Clock: StoreClock {
        let millis: NIOLockedValueBox<Int64>
        var nowMillis: Int64 { millis.withLockedValue { $0 } }
    }

    static let host = SocketHost(bytes: [127, 0, 0, 1], port: 10_911)

    let root: String
    let clock: NIOLockedValueBox<Int64>
    let store: MessageStore
    let offsets: ConsumerOffsets
    let service: DeliveryService
    private let dispatched = DispatchSemaphore(value: 0)

    init(root: String = NSTemporaryDirectory() + "delivery-" + UUID().uuidString, now: Int64 = 1_700_000_000_000) throws
    {
        self.root = root
        let clock = NIOLockedValueBox(now)
        self.clock = clock
        let nowMillis: @Sendable () -> Int64 = { clock.withLockedValue { $0 } }
        var configuration = StoreConfiguration(rootPath: root)
        configuration.commitLogFileBytes = 1 << 20
        configuration.consumeQueueFileBytes = 6_000
        configuration.diskWarningPercent = 100
        configuration.diskCleanForciblyPercent = 100
        store = MessageStore(
            configuration: configuration, fileSystem: LinuxFileSystem(), clock: Clock(millis: clock))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let files = try RegistryDirectory(path: root + "/config")
        offsets = try ConsumerOffsets(storage: files, nowMillis: nowMillis, logger: logger)
        service = DeliveryService(
            dependencies: DeliveryService.Dependencies(
                store: BrokerDeliveryStore(store: store, storeHost: Self.host, nowMillis: nowMillis),
                topic: { TopicConfig(name: $0, readQueueCount: 1, writeQueueCount: 1) },
                group: { name in
                    var group = SubscriptionGroupConfig(name: name)
                    group.retryMaxTimes = 1
                    return group
                }, createTopic: { _, done in done(true) }, files: files, offsets: offsets, nowMillis: nowMillis),
            logger: logger)
        store.setDispatchObserver { [service, dispatched] messages in
            service.messagesArrived(
                messages.map { ArrivedMessage(topic: $0.topic, queueID: $0.queueId, tagsCode: $0.tagsCode) })
            for message in messages where message.topic == "T" { dispatched.signal() }
        }
        service.guardLog(of: store)
        _ = try store.open()
        try service.recover()
    }

    func close() throws {
        service.close()
        try store.close()
    }

    /// What a kill leaves: all that was written so far, and no clean end.
    func killedCopy() throws -> DiskWorld {
        let copy = root + "-killed"
        try FileManager.default.copyItem(atPath: root, toPath: copy)
        return try DiskWorld(root: copy, now: clock.withLockedValue { $0 })
    }

    func remove() { try? FileManager.default.removeItem(atPath: root) }

    func send(_ count: Int, body: String = "body") {
        for _ in 0..<count {
            store.append(
                StoreMessage(
                    topic: "T", queueId: 0, bornTimestampMillis: 1, bornHost: Self.host, storeHost: Self.host,
                    properties: ByteBuffer(string: "UNIQ_KEY\u{1}id\u{2}"), body: ByteBuffer(string: body))
            ) { _ in }
        }
        for _ in 0..<count { dispatched.wait() }
    }

    func advance(_ millis: Int64) {
        clock.withLockedValue { $0 += millis }
        service.fireTimers()
    }

    func start(pollMillis: Int64 = 0) -> Inbox<PopOutcome> {
        var request = PopRequest(group: "group", topic: "T")
        request.invisibleMillis = 1_000
        request.pollMillis = pollMillis
        let inbox = Inbox<PopOutcome>()
        service.pop(request) { inbox.put($0) }
        return inbox
    }

    func pop() -> PopBatch? { start().all.first?.batch }

    func ack(_ offset: Int64) throws {
        try service.ack(
            AckRequest(
                group: "group", topic: "T", queueID: 0, offset: offset,
                popMillis: clock.withLockedValue { $0 }, isOrdered: false))
    }
}

@Suite struct DeliveryOnDiskTests {
    @Test func aCleanRestartKeepsEverything() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        world.send(5)
        let batch = try #require(world.pop())
        #expect(try batch.records().map { String(buffer: $0.body) } == Array(repeating: "body", count: 5))
        for offset: Int64 in [0, 2] { try world.ack(offset) }
        try world.close()

        let next = try DiskWorld(root: world.root, now: 1_700_000_000_500)
        #expect(next.pop() == nil)
        next.advance(500)
        let again = try #require(next.pop())
        #expect(again.queueOffsets == [1, 3, 4])
        #expect(again.attempts == [2, 2, 2])
        #expect(try again.records().map(\.reconsumeTimes) == [1, 1, 1])
        #expect(next.offsets.offset(group: "group", topic: "T", queueID: 0) == 1)
        try next.close()
    }

    @Test func aKillKeepsWhatWasFlushed() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        world.send(4)
        _ = world.pop()
        try world.ack(0)
        world.service.flushJournal()
        try world.ack(1)

        let next = try world.killedCopy()
        defer { next.remove() }
        #expect(next.pop() == nil)
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [1, 2, 3])
        try next.ack(2)
        next.service.flushJournal()
        try next.close()
        try world.close()
    }

    @Test func restartsInARowReplayFromEachSnapshot() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        world.send(10)
        #expect(world.pop()?.messages.count == 10)
        try world.ack(0)
        try world.close()
        for round in Int64(1)...3 {
            let next = try DiskWorld(root: world.root, now: 1_700_000_000_000)
            #expect(next.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == round)
            try next.ack(round)
            if round == 2 { next.service.flushJournal() }
            try next.close()
        }
    }

    @Test func retentionKeepsTheJournalUntilASnapshotHasIt() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        world.send(4)
        _ = world.pop()
        try world.ack(0)
        world.service.flushJournal()
        world.send(20, body: String(repeating: "x", count: 100_000))
        // From here on every file has expired.
        world.clock.withLockedValue { $0 += 1_000_000 * 3_600_000 }
        #expect(try world.store.deleteExpired())
        #expect(world.store.minLogOffset == 0)
        world.service.flushJournal()
        #expect(try world.store.deleteExpired())
        #expect(world.store.minLogOffset > 0)

        let next = try world.killedCopy()
        defer { next.remove() }
        #expect(next.service.progress(group: "group", topic: "T", queueID: 0) != nil)
        try next.close()
        try world.close()
    }

    @Test func anAppendWakesAWaiter() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        let waiting = world.start(pollMillis: 60_000)
        #expect(waiting.count == 0)
        world.send(1)
        #expect(waiting.all.first?.batch?.queueOffsets == [0])
        try world.close()
    }

    @Test func aDeadLetterIsACopyOnDisk() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        world.send(1, body: "poison")
        for _ in 0..<2 {
            #expect(world.pop()?.queueOffsets == [0])
            world.advance(1_000)
        }
        #expect(world.pop() == nil)
        // The copy is flushed first, and what is appended behind it is answered later.
        let flushed = DispatchSemaphore(value: 0)
        let message = StoreMessage(
            topic: "Other", queueId: 0, bornTimestampMillis: 1, bornHost: SocketHost(bytes: [127, 0, 0, 1], port: 5),
            storeHost: SocketHost(bytes: [127, 0, 0, 1], port: 10911), properties: ByteBuffer(),
            body: ByteBuffer(string: "behind"))
        world.store.append(message, isDurable: true) { _ in flushed.signal() }
        flushed.wait()
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 1)
        try world.close()

        let next = try DiskWorld(root: world.root)
        var buffer = ByteBuffer()
        let read = next.store.read(
            topic: "%DLQ%group", queueId: 0, from: 0, maxCount: 10, maxBytes: 1 << 20, into: &buffer)
        #expect(read.records.count == 1)
        let record = try #require(try MessageRecord.all(in: buffer).first)
        #expect(String(buffer: record.body) == "poison")
        #expect(record.property("DLQ_ORIGIN_TOPIC") == "T")
        try next.close()
    }

    @Test func theServiceRunsWithItsThreads() throws {
        let world = try DiskWorld()
        defer { world.remove() }
        #expect(world.service.start())
        for round in Int64(0)..<20 {
            world.send(1)
            #expect(world.pop()?.queueOffsets == [round])
            try world.ack(round)
        }
        try world.close()
        let next = try DiskWorld(root: world.root)
        #expect(next.pop() == nil)
        #expect(next.offsets.offset(group: "group", topic: "T", queueID: 0) == 20)
        try next.close()
    }
}
