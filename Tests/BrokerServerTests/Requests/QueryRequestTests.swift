import Foundation
import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@testable import BrokerServer

@Suite("Queries over a socket")
struct QueryRequestTests {
    /// Runs a test against a broker that listens.
    private func serving(
        _ change: (inout BrokerConfiguration) -> Void = { _ in },
        _ body: (TestBroker, RemotingClient, HostPort, any EventLoopGroup) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let test = try TestBroker(change)
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await node.start())
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        try await body(test, client, address, group)
        client.shutdown()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }

    private func properties(keys: String, unique: String) -> String {
        "KEYS\u{1}\(keys)\u{2}UNIQ_KEY\u{1}\(unique)\u{2}"
    }

    /// Waits for the index: it follows a moment after the queue.
    private func awaitIndex(_ test: TestBroker, topic: String, key: String) async throws {
        var buffer = ByteBuffer()
        while try test.broker.store.messages(.init(topic: topic, key: key, maxCount: 1), into: &buffer).logOffsets
            .isEmpty
        { await Task.yield() }
    }

    @Test("messages are found by key and by unique key, and looked at by id")
    func query() async throws {
        try await serving { test, client, address, _ in
            try await test.createTopic("T")
            var receipts: [SendReceipt] = []
            for number in 0..<3 {
                let request = test.request(
                    "T", body: "b\(number)", properties: properties(keys: "shared k\(number)", unique: "U\(number)"))
                guard case .stored(let receipt) = await test.send(request) else { throw FrameClient.Closed() }
                receipts.append(receipt)
            }
            try await awaitIndex(test, topic: "T", key: "U2")
            func ask(_ key: String, _ count: Int32, unique: Bool = false) async throws -> RemotingCommand {
                var header = QueryMessageRequestHeader(
                    topic: "T", key: key, maxCount: count, beginTimestampMillis: 0, endTimestampMillis: .max)
                header.isUniqueKey = unique
                return try await client.callAsync(address, code: .queryMessage, header: header, timeoutMillis: 5_000)
            }
            let shared = try await ask("shared", 2)
            let records = try MessageRecord.all(in: shared.body)
            #expect(shared.responseCode == .success && records.map(\.queueOffset) == [1, 2])
            let index = try shared.header(QueryMessageResponseHeader.self)
            #expect(index.indexLastUpdateLogOffset == records[1].logOffset)
            #expect(index.indexLastUpdateTimestampMillis == records[1].storeTimestampMillis)
            // The count of a unique key query is the broker's to choose.
            let unique = try await ask("U1", 0, unique: true)
            #expect(try MessageRecord.all(in: unique.body).map(\.queueOffset) == [1])
            let missing = try await ask("nobody", 9)
            #expect(missing.responseCode == .queryNotFound && missing.body.readableBytes == 0)
            #expect(try missing.header(QueryMessageResponseHeader.self).indexLastUpdateLogOffset == 0)
            guard case .one(let offset) = receipts[1].logOffsets else { throw FrameClient.Closed() }
            let viewed = try await client.callAsync(
                address, code: .viewMessageById, header: ViewMessageByIdRequestHeader(offset: offset),
                timeoutMillis: 5_000)
            #expect(try MessageRecord.all(in: viewed.body).map(\.queueOffset) == [1])
            let beside = try await client.callAsync(
                address, code: .viewMessageById, header: ViewMessageByIdRequestHeader(offset: offset + 1),
                timeoutMillis: 5_000)
            #expect(beside.responseCode == .systemError)
            #expect(beside.remark == "can not find message by the offset, \(offset + 1)")
        }
    }

    @Test("an offset by time is that of the boundary asked for")
    func boundary() async throws {
        try await serving { test, client, address, _ in
            try await test.createTopic("T")
            for _ in 0..<3 { _ = await test.send(test.request("T")) }
            while test.broker.store.maxOffset(topic: "T", queueId: 0) < 3 { await Task.yield() }
            func offset(_ time: Int64, _ boundary: String?) async throws -> Int64 {
                let answer = try await client.callAsync(
                    address, code: .searchOffsetByTimestamp,
                    header: SearchOffsetByTimestampRequestHeader(
                        topic: "T", queueId: 0, timestampMillis: time, boundaryType: boundary), timeoutMillis: 5_000)
                return try answer.header(SearchOffsetByTimestampResponseHeader.self).offset
            }
            let future = test.broker.nowMillis() + 60_000
            #expect(try await offset(0, nil) == 0)
            #expect(try await offset(future, nil) == 3)
            #expect(try await offset(future, "LOWER") == 3)
            #expect(try await offset(future, "upper") == 2)
            #expect(try await offset(future, "UPPER") == 2)
            #expect(try await offset(0, "upper") == 0)
        }
    }

    @Test("correction offsets are the lowest of the other groups")
    func correction() async throws {
        try await serving { test, client, address, _ in
            try await test.createTopic("T")
            let offsets = test.broker.delivery.offsets
            offsets.commit(group: "g", topic: "T", offsets: [(queueID: 0, offset: 9), (queueID: 1, offset: 1)])
            offsets.commit(group: "h", topic: "T", offsets: [(queueID: 0, offset: 5), (queueID: 1, offset: 7)])
            offsets.commit(group: "i", topic: "T", offsets: [(queueID: 0, offset: 3), (queueID: 1, offset: 0)])
            func ask(_ filtered: [String]) async throws -> [Int32: Int64] {
                let answer = try await client.callAsync(
                    address, code: .queryCorrectionOffset,
                    header: QueryCorrectionOffsetRequestHeader(filterGroups: filtered, compareGroup: "g", topic: "T"),
                    timeoutMillis: 5_000)
                return try CorrectionOffsets(decoding: answer.body).offsets
            }
            #expect(try await ask([]) == [0: 3, 1: 0])
            #expect(try await ask(["i"]) == [0: 5, 1: 1])
            #expect(try await ask(["g", "i"]) == [0: 5, 1: .max])
        }
    }

    @Test("the trace topic is there when it is switched on, and takes traces")
    func traceTopic() async throws {
        try await serving {
            $0.topics.traceTopicEnable = true
        } _: { test, _, _, _ in
            #expect(test.broker.topics.topic("RMQ_SYS_TRACE_TOPIC")?.writeQueueCount == 1)
            let outcome = await test.send(
                test.request(
                    "RMQ_SYS_TRACE_TOPIC", body: "Pub\u{1}1\u{2}", properties: properties(keys: "U0", unique: "U9")))
            guard case .stored = outcome else {
                Issue.record("\(outcome)")
                return
            }
            try await awaitIndex(test, topic: "RMQ_SYS_TRACE_TOPIC", key: "U0")
        }
    }

    @Test("recorded requests get Apache's codes, fields, remarks and shape of body")
    func replay() async throws {
        let recorded = try RecordedRequest.load("query-requests", as: RecordedRequest.self)
        #expect(recorded.count == 20)
        try await serving { test, _, address, group in
            for name in ["GoldTopic", "GoldPop"] { try await test.createTopic(name) }
            for number in 0..<4 {
                // Apache's messages of the recording, as far as the requests ask for them.
                let unique = "C000020218D65FFD2B276FA2F41F000\(number)"
                let text = properties(keys: "shared pop\(number)", unique: unique)
                _ = await test.send(test.request("GoldTopic", properties: text))
                _ = await test.send(test.request("GoldPop", properties: text))
            }
            try await awaitIndex(test, topic: "GoldPop", key: "pop3")
            test.broker.delivery.offsets.commit(
                group: "GoldGroup", topic: "GoldTopic",
                offsets: (0..<4).map { (queueID: Int32($0), offset: Int64($0)) })
            let client = try await FrameClient.connect(port: address.port, group: group)
            for entry in recorded {
                let bytes = try #require(HexText.bytes(entry.request))
                let request = try FrameClient.decode(bytes)
                let answer = try await client.ask(bytes)
                let name = Comment("\(entry)")
                // The recording lies in the past: its time ranges end before our messages; its offsets are not ours.
                let end = request.fields.optionalString("endTimestamp").flatMap { Int64($0) } ?? .max
                if end < test.broker.nowMillis(), entry.code == 0 {
                    #expect(answer.code == 22, name)
                    continue
                }
                if let offset = request.fields.optionalString("offset"), offset != "0", entry.code == 0 {
                    #expect(answer.code == 1, name)
                    continue
                }
                #expect(answer.code == entry.code && (answer.remark ?? "") == entry.remark, name)
                #expect(Set(answer.fields.pairs().map(\.name)) == Set(entry.ext.keys), name)
                if entry.requestCode == 308 {
                    let theirs = try CorrectionOffsets(decoding: ByteBuffer(string: entry.body))
                    #expect(
                        try CorrectionOffsets(decoding: answer.body).offsets.keys == theirs.offsets.keys, name)
                } else {
                    let theirs = try MessageRecord.all(in: ByteBuffer(bytes: try #require(HexText.bytes(entry.body))))
                    #expect(try MessageRecord.all(in: answer.body).count == theirs.count, name)
                    #expect(theirs.map(\.logOffset) == theirs.map(\.logOffset).sorted(), name)
                }
            }
            await client.close()
        }
    }
}
