import Foundation
import Logging
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

/// A directory that Apache's broker 5.1.4 left when it was killed, taken over as a whole.
@Suite("A broker over Apache's directory")
struct AdoptedDirectoryTests {
    private func content(_ configuration: BrokerConfiguration, _ name: String) -> Data? {
        FileManager.default.contents(atPath: configuration.storePath + "/" + name)
    }

    @Test("topics, groups, offsets, messages and keys are there, writing goes on, and foreign files stay as they are")
    func takeOver() async throws {
        let directory = try ApacheDirectory(.killed)
        defer { directory.remove() }
        let configuration = directory.configuration
        let foreign = ["config/timermetrics.bak", "compaction/position-checkpoint"]
        let before = foreign.map { content(configuration, $0) }
        #expect(before.allSatisfy { $0 != nil })
        let broker = try Broker.onDisk(configuration, logger: Logger(label: "test"))
        try broker.open()
        #expect(broker.topics.topic("StoreA")?.writeQueueCount == 4)
        #expect(broker.topics.topic("StoreBcq")?.attributes["queue.type"] == "BatchCQ")
        #expect(broker.groups.group("StoreSqlGroup") != nil)
        let filter = broker.savedFilters.filter(topic: "StoreSql", group: "StoreSqlGroup")
        #expect(filter?.expression == "a > 4 AND colour = 'red' AND TAGS = 'TagA'")
        #expect(
            broker.delivery.offsets.offsets(group: "StorePullGroup", topic: "StoreA") == [0: 3, 1: 4, 2: 5, 3: 6])
        #expect(broker.store.maxOffset(topic: "StoreA", queueId: 0) == 22)
        // The process that was killed was Apache's; the file says whose it is from here on.
        #expect(content(configuration, "abort").map { String(decoding: $0, as: UTF8.self) } == "\(getpid())")
        #expect(content(configuration, "lock").map { String(decoding: $0, as: UTF8.self) } == "lock")
        var request = SendRequest(
            topic: "StoreA", bornTimestampMillis: 1, bornHost: .unknown, body: ByteBuffer(string: "ours"))
        request.queueID = 0
        request.properties = ByteBuffer(string: "KEYS\u{1}taken over\u{2}")
        let outcome = await withCheckedContinuation { done in broker.send(request) { done.resume(returning: $0) } }
        guard case .stored(let receipt) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(receipt.queueOffset == 22)
        for (key, least) in [("key0", 1), ("all", 10), ("over", 1)] {
            var count = 0
            while count < least {
                var buffer = ByteBuffer()
                count = try broker.store.messages(
                    KeyQuery(topic: "StoreA", key: key, maxCount: 64), into: &buffer
                ).logOffsets.count
                await Task.yield()
            }
        }
        try broker.close()
        #expect(content(configuration, "abort") == nil)
        #expect(foreign.map { content(configuration, $0) } == before)
        let again = try Broker.onDisk(configuration, logger: Logger(label: "test"))
        try again.open()
        #expect(again.store.maxOffset(topic: "StoreA", queueId: 0) == 23)
        #expect(
            again.delivery.offsets.offsets(group: "StorePullGroup", topic: "StoreA") == [0: 3, 1: 4, 2: 5, 3: 6])
        try again.close()
    }
}
