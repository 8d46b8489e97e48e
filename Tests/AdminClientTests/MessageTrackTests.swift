import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import AdminClient

@Suite("What groups made of messages, and reading queues")
struct MessageTrackTests {
    /// A stored message of topic T on a broker.
    private func record(on broker: HostPort) throws -> MessageRecord {
        var rest = ByteBuffer()
        rest.writeInteger(Int32(bitPattern: 0xDAA3_20A7))
        // Check sum, queue, flag.
        for _ in 0..<3 { rest.writeInteger(Int32(0)) }
        // Offsets in queue and log.
        for _ in 0..<2 { rest.writeInteger(Int64(0)) }
        rest.writeInteger(Int32(0))
        for port in [5, Int32(broker.port)] {
            rest.writeInteger(Int64(1))
            rest.writeBytes([127, 0, 0, 1])
            rest.writeInteger(port)
        }
        // Attempts, half message, body.
        rest.writeInteger(Int32(0))
        rest.writeInteger(Int64(0))
        rest.writeInteger(Int32(0))
        rest.writeInteger(UInt8(1))
        rest.writeString("T")
        rest.writeInteger(Int16(0))
        var bytes = ByteBuffer(integer: Int32(rest.readableBytes + 4))
        bytes.writeBuffer(&rest)
        return try MessageRecord(bytes)
    }

    @Test("a broker that does not answer is asked once for all messages")
    func unreachable() async throws {
        let (cluster, other) = (try await StubCluster(topics: ["T", "U"]), try await StubCluster(topics: ["T", "U"]))
        cluster.broker.silence(.queryTopicConsumeByWho)
        other.broker.answer(.queryTopicConsumeByWho, #"{"groupList":["g"]}"#)
        other.broker.silence(.getConsumerConnectionList)
        let silent = try record(on: try #require(HostPort(parsing: cluster.brokerAddress)))
        let half = try record(on: try #require(HostPort(parsing: other.brokerAddress)))
        let results = await cluster.admin.waiting(millis: 100).tracks(of: [silent, half, silent, half])
        for result in results {
            guard case .failure(let error) = result else {
                Issue.record("\(result)")
                continue
            }
            #expect(error.code == .unreachable)
        }
        #expect(results.count == 4)
        #expect(cluster.broker.requests(.queryTopicConsumeByWho).count == 1)
        #expect(other.broker.requests(.getConsumerConnectionList).count == 1)
        try await cluster.stop()
        try await other.stop()
    }

    @Test("a broker that refuses is asked for each message")
    func refused() async throws {
        let cluster = try await StubCluster(topics: ["T", "U"])
        cluster.broker.answer(.queryTopicConsumeByWho, "", .systemError)
        let message = try record(on: try #require(HostPort(parsing: cluster.brokerAddress)))
        let results = await cluster.admin.tracks(of: [message, message])
        #expect(results.count { (try? $0.get()) == nil } == 2)
        #expect(cluster.broker.requests(.queryTopicConsumeByWho).count == 2)
        try await cluster.stop()
    }

    @Test("a reading goes on behind what is gone, and ends with the queue alone")
    func goesOn() throws {
        func next(_ status: PullStatus, _ next: Int64) throws(AdminError) -> Int64? {
            try PulledMessages(status: status, records: [], nextOffset: next).offset(after: 5)
        }
        #expect(try next(.found, 7) == 7 && next(.noMatchedMessage, 6) == 6)
        #expect(try next(.noNewMessage, 5) == nil && next(.noNewMessage, 9) == nil)
        #expect(try next(.offsetIllegal, 40) == 40)
        for status in [PullStatus.offsetIllegal, .found, .noMatchedMessage] {
            #expect(throws: AdminError.self) { try next(status, 5) }
        }
    }

    @Test("a cluster without any broker is an error for every kind of command")
    func nobody() async throws {
        let cluster = try await StubCluster(topics: ["T", "U"])
        let info = ClusterInfo(brokers: [:], clusters: ["C": ["broker-a"]])
        for target in [BrokerTarget.cluster("C"), .wholeCluster("C")] {
            #expect(throws: AdminError.self) { try cluster.admin.targets(target, in: info) }
        }
        try await cluster.stop()
    }
}
