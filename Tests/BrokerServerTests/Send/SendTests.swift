import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

@Suite("Sending")
struct SendTests {
    private func code(_ outcome: SendOutcome) -> ResponseCode {
        switch outcome {
        case .stored: .success
        case .unconfirmed(_, let error), .refused(let error): error.code
        }
    }

    private func receipt(_ outcome: SendOutcome) throws -> SendReceipt {
        guard case .stored(let receipt) = outcome else {
            Issue.record("\(outcome)")
            throw BrokerError(.store, "not stored")
        }
        return receipt
    }

    @Test("a message is stored as sent, with the broker's properties behind")
    func stored() async throws {
        let test = try TestBroker()
        try await test.createTopic("T")
        var request = test.request("T", properties: "TAGS\u{1}A\u{2}UNIQ_KEY\u{1}0102\u{2}")
        request.queueID = 3
        request.flag = 7
        request.reconsumeTimes = 2
        request.bornHost = SocketHost(bytes: [10, 0, 0, 9], port: 4711)
        let receipt = try receipt(await test.send(request))
        #expect(receipt.queueID == 3 && receipt.queueOffset == 0)
        #expect(receipt.uniqueKey.map { String(buffer: $0) } == "0102")
        let record = try test.record(at: receipt)
        #expect(record.topic == "T" && record.queueId == 3 && record.flag == 7 && record.reconsumeTimes == 2)
        #expect(record.bornHost.description == "10.0.0.9:4711")
        #expect(
            PropertyText.dictionary(String(buffer: record.properties)) == [
                "TAGS": "A", "UNIQ_KEY": "0102", "MSG_REGION": "DefaultRegion", "TRACE_ON": "true",
                "CLUSTER": "DefaultCluster",
            ])
        let second = try self.receipt(await test.send(request))
        #expect(second.queueOffset == 1)
        #expect(second.messageIDs.count == 32)
        try test.close()
    }

    @Test("nobody writes into the journal of the ledgers")
    func journalIsClosed() async throws {
        let test = try TestBroker()
        #expect(code(await test.send(test.request(LedgerJournal.topic))) == .noPermission)
        try test.close()
    }

    @Test("a message without unique key gets one")
    func uniqueKey() async throws {
        let test = try TestBroker()
        try await test.createTopic("T")
        let first = try receipt(await test.send(test.request("T")))
        let second = try receipt(await test.send(test.request("T")))
        let keys = [first, second].compactMap { $0.uniqueKey.map { String(buffer: $0) } }
        #expect(keys.count == 2 && keys[0] != keys[1] && keys[0].count == 32)
    }

    @Test("any queue: turns over the writable ones")
    func anyQueue() async throws {
        let test = try TestBroker()
        try await test.createTopic("T", queues: 2)
        var request = test.request("T")
        request.queueID = -1
        var queues: Set<Int32> = []
        for _ in 0..<4 { queues.insert(try receipt(await test.send(request)).queueID) }
        #expect(queues == [0, 1])
    }

    @Test("an unknown topic is created, or refused where that is off")
    func creation() async throws {
        let test = try TestBroker()
        #expect(code(await test.send(test.request("Fresh"))) == .success)
        #expect(test.broker.topics.topic("Fresh")?.writeQueueCount == 4)
        let closed = try TestBroker { $0.topics.autoCreateTopicEnable = false }
        #expect(code(await closed.send(closed.request("Fresh"))) == .topicNotExist)
    }

    @Test("refusals have Apache's codes")
    func refusals() async throws {
        let test = try TestBroker { $0.messageBytesMax = 100 }
        try await test.createTopic("T", queues: 2)
        func code(_ request: SendRequest) async -> ResponseCode { self.code(await test.send(request)) }
        var wrongQueue = test.request("T")
        wrongQueue.queueID = 2
        #expect(await code(wrongQueue) == .invalidParameter)
        #expect(await code(test.request("bad topic!")) == .invalidParameter)
        #expect(await code(test.request("RMQ_SYS_TRANS_HALF_TOPIC")) == .noPermission)
        #expect(await code(test.request("T", body: "")) == .messageIllegal)
        #expect(await code(test.request("T", body: String(repeating: "x", count: 101))) == .messageIllegal)
        let many = "p\u{1}" + String(repeating: "x", count: 32_767) + "\u{2}"
        #expect(await code(test.request("T", properties: many)) == .messageIllegal)
        #expect(await code(test.request("T", properties: "TIMER_DELIVER_MS\u{1}x\u{2}")) == .messageIllegal)
        #expect(await code(test.request("T", properties: "TRAN_MSG\u{1}true\u{2}DELAY\u{1}3\u{2}")) == .messageIllegal)
        var prepared = test.request("T")
        prepared.sysFlag = .transactionPrepared
        #expect(await code(prepared) == .messageIllegal)
        #expect(test.broker.store.maxLogOffset == 0)
    }

    @Test("a batch is stored as messages of their own, side by side")
    func batch() async throws {
        let test = try TestBroker()
        try await test.createTopic("T")
        var body = ByteBuffer()
        for index in 0..<3 {
            let message = BatchMessage(
                flag: Int32(index), body: ByteBuffer(string: "b\(index)"),
                properties: ByteBuffer(string: "UNIQ_KEY\u{1}K\(index)\u{2}"))
            try message.write(to: &body)
        }
        var request = test.request("T", properties: "UNIQ_KEY\u{1}B\u{2}")
        request.body = body
        request.isBatch = true
        let receipt = try receipt(await test.send(request))
        guard case .many(let offsets) = receipt.logOffsets else {
            Issue.record("one offset for a batch")
            return
        }
        #expect(offsets.count == 3 && receipt.messageIDs.split(separator: ",").count == 3)
        for (index, offset) in offsets.enumerated() {
            var buffer = ByteBuffer()
            #expect(test.broker.store.readRecord(logOffset: offset, into: &buffer))
            let record = try MessageRecord(buffer)
            #expect(record.flag == Int32(index) && record.queueOffset == Int64(index))
            #expect(String(buffer: record.body) == "b\(index)")
        }
        request.body = ByteBuffer(bytes: body.readableBytesView.dropLast())
        #expect(code(await test.send(request)) == .messageIllegal)
        request.body = body
        request.topic = "%RETRY%g"
        #expect(code(await test.send(request)) == .messageIllegal)
    }

    @Test("a retry that was tried too often goes to the dead letters, without its delay")
    func deadLetter() async throws {
        let test = try TestBroker { $0.groups.autoCreateSubscriptionGroup = false }
        #expect(code(await test.send(test.request("%RETRY%g"))) == .subscriptionGroupNotExist)
        _ = await test.broker.groups.put(SubscriptionGroupConfig(name: "g"))
        var request = test.request("%RETRY%g", properties: "DELAY\u{1}3\u{2}a\u{1}1\u{2}")
        request.reconsumeTimes = 16
        #expect(try test.record(at: try receipt(await test.send(request))).topic == NameRules.scheduleTopic)
        request.reconsumeTimes = 17
        let record = try test.record(at: try receipt(await test.send(request)))
        #expect(record.topic == "%DLQ%g")
        #expect(PropertyText.dictionary(String(buffer: record.properties))["DELAY"] == nil)
        #expect(test.broker.topics.topic("%DLQ%g")?.writeQueueCount == 1)
    }

    @Test("what was answered is there after a restart of the store")
    func restart() async throws {
        let test = try TestBroker()
        try await test.createTopic("T")
        for _ in 0..<100 { _ = try receipt(await test.send(test.request("T"))) }
        try test.broker.close()
        let reopened = MessageStore(
            configuration: test.broker.configuration.store, fileSystem: LinuxFileSystem(), clock: SystemClock())
        _ = try reopened.open()
        #expect(reopened.maxOffset(topic: "T", queueId: 0) == 100)
        try reopened.close()
    }
}
