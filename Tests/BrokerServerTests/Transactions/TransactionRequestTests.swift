import Foundation
import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import StorageEngine
import Testing

@testable import BrokerServer

@Suite("Transactions over a socket")
struct TransactionRequestTests {
    @Test("a start that cannot read a queue file, as it is gone, has the next one build it")
    func lostQueueFile() throws {
        let root = NSTemporaryDirectory() + "transactions-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: root) }
        var configuration = BrokerConfiguration()
        configuration.storePath = root
        configuration.store = StoreConfiguration(rootPath: root)
        configuration.store.commitLogFileBytes = 1 << 20
        configuration.store.consumeQueueFileBytes = 200
        configuration.store.diskWarningPercent = 99
        configuration.store.diskCleanForciblyPercent = 98
        func open() throws -> Broker {
            let broker = try Broker.onDisk(configuration, logger: Logger(label: "test"))
            try broker.open()
            return broker
        }
        let first = try open()
        for _ in 0..<25 {
            try first.transactions.prepare(
                StoreMessage(
                    topic: "T", queueId: 0, sysFlag: .transactionPrepared, bornTimestampMillis: 1, bornHost: .unknown,
                    storeHost: .unknown, properties: ByteBuffer(string: "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}P"),
                    body: ByteBuffer(string: "half"))
            ) { _ in }
        }
        try first.close()
        try FileManager.default.removeItem(
            atPath: root + "/consumequeue/RMQ_SYS_TRANS_HALF_TOPIC/0/00000000000000000200")
        #expect(throws: BrokerError.self) { try open() }
        let next = try open()
        #expect(next.transactions.openCount == 25)
        try next.close()
    }

    private func half(_ topic: String, group: String) -> SendMessageFields {
        SendMessageFields(
            producerGroup: group, topic: topic, defaultTopic: "TBW102", defaultTopicQueueCount: 4, queueId: 0,
            sysFlag: 4, bornTimestampMillis: 1, flag: 0,
            properties: ByteBuffer(
                string: "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}\(group)\u{2}UNIQ_KEY\u{1}0102\u{2}"))
    }

    @Test("a producer is asked on its connection, and its answer commits")
    func check() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let test = try TestBroker {
            $0.transactions.firstCheckMillis = 1
            $0.transactions.checkIntervalMillis = 100
        }
        try await test.createTopic("T")
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await node.start())
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        let (questions, sink) = AsyncStream.makeStream(of: RemotingCommand.self)
        try await client.eventLoop.submit { client.onServerRequest = { request, _ in sink.yield(request) } }.get()
        let heartbeat = HeartbeatData(clientId: "c", producerGroups: ["P"], consumers: []).encode()
        _ = try await client.callAsync(address, code: .heartBeat, body: heartbeat, timeoutMillis: 5_000)
        let sent = try await client.callAsync(
            address, code: .sendMessageV2, header: SendMessageRequestHeaderV2(half("T", group: "P")),
            body: ByteBuffer(string: "x"), timeoutMillis: 5_000)
        #expect(sent.responseCode == .success)
        var asked = questions.makeAsyncIterator()
        let question = try #require(await asked.next())
        #expect(question.code == 39 && question.isOneway)
        let header = try CheckTransactionStateRequestHeader(fields: question.fields)
        #expect(header.messageId == "0102" && header.transactionId == "0102" && header.brokerName == "broker-a")
        let record = try MessageRecord(question.body)
        #expect(record.topic == "T" && String(buffer: record.body) == "x")
        func end(_ decision: Int32, _ code: ResponseCode) async throws {
            let answer = try await client.callAsync(
                address, code: .endTransaction,
                header: EndTransactionRequestHeader(
                    producerGroup: "P", tranStateTableOffset: header.tranStateTableOffset,
                    commitLogOffset: header.commitLogOffset, commitOrRollback: decision, fromTransactionCheck: true,
                    messageId: "0102", transactionId: "0102"), timeoutMillis: 5_000)
            #expect(answer.responseCode == code, "\(answer.remark ?? "")")
        }
        try await end(8, .success)
        try await end(8, .success)
        try await end(12, .illegalOperation)
        client.shutdown()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        #expect(test.broker.transactions.openCount == 0)
        try test.close()
    }

    @Test("members of a group are asked in turns")
    func turns() {
        var table = ClientTable()
        func beat(_ id: UInt64) {
            _ = table.heartbeat(
                ClientIdentity(clientID: "c\(id)", address: "", language: .java, version: 0),
                on: ClientConnectionID(rawValue: id), producerGroups: ["P"], consumers: [], nowMillis: 0)
        }
        for id in [7, 3, 5] as [UInt64] { beat(id) }
        var last: ClientConnectionID?
        var turns: [UInt64] = []
        for _ in 0..<5 {
            last = table.producerConnection(group: "P", after: last)
            turns.append(last?.rawValue ?? 0)
        }
        #expect(turns == [3, 5, 7, 3, 5])
        #expect(table.producerConnection(clientID: "c5")?.rawValue == 5)
        _ = table.closed(ClientConnectionID(rawValue: 5), nowMillis: 0)
        #expect(table.producerConnection(clientID: "c5") == nil)
        #expect(table.producerConnection(group: "P", after: ClientConnectionID(rawValue: 3))?.rawValue == 7)
        #expect(table.producerConnection(group: "Q", after: nil) == nil)
    }
}
