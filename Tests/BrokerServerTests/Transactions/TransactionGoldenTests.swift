import DeliveryEngine
import Foundation
import Logging
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

@Suite("Records of transactions as Apache's brokers write them")
struct TransactionGoldenTests {
    private func record(_ name: String) throws -> MessageRecord {
        try MessageRecord(ByteBuffer(bytes: try Self.bytes(name)))
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        let text = String(decoding: try Golden.bytes("transactions/\(name).hex"), as: UTF8.self)
        return try #require(HexText.bytes(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private func properties(_ text: ByteBuffer) -> [String: String] {
        PropertyText.dictionary(String(buffer: text))
    }

    @Test("a half message has the same properties")
    func half() throws {
        let golden = try record("transaction-half")
        var sent = properties(golden.properties)
        sent["REAL_TOPIC"] = nil
        sent["REAL_QID"] = nil
        let text = ByteBuffer(string: PropertyText.encode(sent.map { ($0.key, $0.value) }))
        let stored = HalfMessage.properties(
            text.getSlice(at: 0, length: text.readableBytes - 1) ?? text, topic: "StoreTrans", queueID: 0)
        #expect(properties(stored) == properties(golden.properties))
        #expect(stored.readableBytes == golden.properties.readableBytes)
    }

    @Test("a commit gives the same record")
    func committed() throws {
        let (half, golden) = (try record("transaction-half"), try record("transaction-committed"))
        let message = HalfMessage.committed(half, topic: "StoreTrans", queueID: 0, halfLogOffset: half.logOffset)
        #expect(message.properties == golden.properties && message.body == golden.body)
        #expect(message.sysFlag == golden.sysFlag && message.flag == golden.flag)
        #expect(message.preparedTransactionOffset == golden.preparedTransactionOffset)
        #expect(message.bornTimestampMillis == golden.bornTimestampMillis)
        #expect(message.bornHost.bytes == golden.bornHost.address && message.bornHost.port == golden.bornHost.port)
    }

    @Test("an op message has the same body, and the same properties but for our word of how it ended")
    func op() throws {
        let golden = try record("transaction-op")
        let message = HalfMessage.op(
            .init(end: .commit, offsets: [0, 1, 3]), host: SocketHost(bytes: [127, 0, 0, 1], port: 10_911),
            nowMillis: 1)
        #expect(message.topic == golden.topic && message.body == golden.body && message.sysFlag == golden.sysFlag)
        #expect(String(buffer: message.properties) == String(buffer: golden.properties) + "\u{2}TRAN_END\u{1}commit")
        let read = HalfMessage.readOp(golden)
        #expect(read.end == .unknown && read.offsets == [0, 1, 3])
    }

    @Test("a half message that was asked about counts it where Apache does")
    func copy() throws {
        let golden = try record("transaction-half-rechecked")
        let (half, prepared) = HalfMessage.read(golden)
        #expect(half.checkCount == 1 && half.queueOffset == 4 && prepared == nil && half.origins == [])
        let message = HalfMessage.copy(of: golden, half, isAsked: true)
        var expected = properties(golden.properties)
        expected["TRANSACTION_CHECK_TIMES"] = "2"
        expected["TRAN_COPY_OF"] = "\(golden.bornTimestampMillis):4"
        #expect(properties(message.properties) == expected)
    }

    @Test("the question to a producer carries the record in the form that clients know")
    func checkBody() throws {
        let golden = try Self.bytes("check-body")
        let record = try MessageRecord(ByteBuffer(bytes: golden))
        #expect(record.encoded(topic: record.topic, queueID: record.queueId) == ByteBuffer(bytes: golden))
        let moved = try MessageRecord(record.encoded(topic: "Elsewhere", queueID: 3))
        #expect(moved.topic == "Elsewhere" && moved.queueId == 3 && moved.properties == record.properties)
    }

    /// Commits the transaction that both directories have open.
    private func end(_ broker: Broker) -> ServiceError? {
        let failures = Inbox<ServiceError>()
        broker.transactions.end(
            EndTransaction(
                .commit, producerGroup: "StoreTransProducer", queueOffset: 2, logOffset: 199_616, isAnswerToCheck: true)
        ) { result in
            if case .failure(let error) = result { failures.put(error) }
        }
        return failures.all.first
    }

    /// The directories that Apache's broker left after a clean stop and after `kill -9`, with one and two open
    /// transactions.
    @Test(
        "the open transactions of an Apache broker go on here",
        arguments: [(ApacheDirectory.Ending.clean, 1), (.killed, 2)])
    func apacheStore(ending: ApacheDirectory.Ending, openCount: Int) throws {
        let directory = try ApacheDirectory(ending)
        defer { directory.remove() }
        func open() throws -> Broker {
            var configuration = directory.configuration
            // The recording is days old, or more.
            configuration.transactions.ageMillisMax = .max / 4
            let broker = try Broker.onDisk(configuration, logger: Logger(label: "test"))
            try broker.open()
            return broker
        }
        let broker = try open()
        #expect(broker.transactions.openCount == openCount)
        let before = broker.store.maxOffset(topic: "StoreTrans", queueId: 0)
        // The half says itself when it is first asked about, which is long ago: a check under way has the end asked for
        // again, as clients do.
        var failure: ServiceError?
        for _ in 0..<1_000_000 {
            failure = end(broker)
            guard failure?.code == .systemBusy else { break }
        }
        #expect(failure == nil)
        try broker.close()
        let again = try open()
        #expect(again.transactions.openCount == openCount - 1)
        #expect(again.store.maxOffset(topic: "StoreTrans", queueId: 0) == before + 1)
        try again.close()
    }
}
