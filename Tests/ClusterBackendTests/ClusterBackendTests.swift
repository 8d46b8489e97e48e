import Logging
import MessageModel
import NIOCore
import ProtoMessages
import RemotingCodec
import RemotingTransport
import Testing

@testable import ClusterBackend
@testable import ProxyServer

@Suite struct ClusterBackendTests {
    /// Answers a send with a code.
    private func sendCluster(_ code: ResponseCode) -> FakeCluster {
        FakeCluster { request, connection in
            connection.respond(
                to: request, code: code, remark: "because",
                header: SendMessageResponseHeader(messageId: "ID", queueId: 2, queueOffset: 41, recallHandle: "R"))
        }
    }

    private func send(_ fixture: BackendFixture, isBatch: Bool = false) async -> Result<SendReceipt, ProxyError> {
        await fixture.call { backend, completion in
            let properties = Array("UNIQ_KEY\u{1}ID\u{2}".utf8)
            let body: [UInt8] = [1, 2, 3]
            properties.withUnsafeBytes { properties in
                body.withUnsafeBytes { body in
                    backend.send(
                        SendRequest(
                            topic: fixture.topic, queue: fixture.topic.sendQueues[2], sysFlag: .compressed,
                            bornMillis: 123, properties: properties, body: body, isBatch: isBatch),
                        completion: completion)
                }
            }
        }
    }

    @Test(arguments: [HeaderFormat.json, .rocketmq])
    func aSendIsOneRequest(format: HeaderFormat) async throws {
        let cluster = sendCluster(.success)
        try await withBackend(cluster, headerFormat: format) { fixture in
            let receipt = try await send(fixture).get()
            #expect(receipt.queueOffset == 41)
            #expect(receipt.recallHandle == "R")
            #expect(receipt.status == .ok)
            let request = try #require(cluster.requests.first)
            #expect(request.code == RequestCode.sendMessageV2.rawValue)
            #expect(request.headerFormat == format)
            let fields = try SendMessageRequestHeaderV2(fields: request.fields).message
            #expect(fields.producerGroup == "topic")
            #expect(fields.defaultTopic == "TBW102")
            #expect(fields.queueId == 2)
            #expect(fields.sysFlag == 1)
            #expect(fields.bornTimestampMillis == 123)
            #expect(fields.properties.map { String(buffer: $0) } == "UNIQ_KEY\u{1}ID\u{2}")
            #expect(fields.brokerName == "a")
            #expect(Array(request.body.readableBytesView) == [1, 2, 3])
        }
    }

    @Test(arguments: [
        (ResponseCode(rawValue: 10), ProtoCode.masterPersistenceTimeout),
        (ResponseCode(rawValue: 11), .haNotAvailable), (ResponseCode(rawValue: 12), .slavePersistenceTimeout),
    ])
    func storedButNotEverywhereIsAReceipt(code: ResponseCode, expected: ProtoCode) async throws {
        try await withBackend(sendCluster(code)) { fixture in
            let receipt = try await send(fixture).get()
            #expect(receipt.status.code == expected)
        }
    }

    @Test(arguments: [
        (ResponseCode.systemBusy, ProtoCode.tooManyRequests), (.topicNotExist, .topicNotFound),
        (.systemError, .internalServerError), (.messageIllegal, .internalServerError),
    ])
    func aRefusedSendIsAnError(code: ResponseCode, expected: ProtoCode) async throws {
        try await withBackend(sendCluster(code)) { fixture in
            guard case .failure(let error) = await send(fixture, isBatch: true) else {
                Issue.record("not refused")
                return
            }
            #expect(error.code == expected)
            #expect(error.message == "because")
        }
    }

    // MARK: Receipts

    private func receipt(_ fixture: BackendFixture, kind: Int = 0) throws -> ReceiptRequest {
        let text = "5 1700000000000 60000 3 \(kind) a 2 7 4096"
        return ReceiptRequest(
            group: "g", topic: "topic", handle: try #require(withText(text) { ReceiptHandle($0.bytes) }),
            broker: fixture.broker, handleText: text, messageID: "ID")
    }

    private func withText<Result>(_ text: String, _ run: (ProtoText) throws -> Result) rethrows -> Result {
        let bytes = Array(text.utf8)
        return try bytes.withUnsafeBytes { try run(ProtoText($0)) }
    }

    @Test(arguments: [(0, "topic"), (1, "%RETRY%g_topic"), (2, "%RETRY%g+topic")])
    func anAckNamesTheStoredTopic(kind: Int, stored: String) async throws {
        let cluster = FakeCluster { request, connection in connection.respond(to: request, code: .success) }
        try await withBackend(cluster) { fixture in
            let request = try receipt(fixture, kind: kind)
            let error: ProxyError? = await fixture.call { $0.acknowledge(request, completion: $1) }
            #expect(error == nil)
            let sent = try #require(cluster.requests.first)
            #expect(sent.code == 200_051)
            let header = try AckMessageRequestHeader(fields: sent.fields)
            #expect(header.topic == stored)
            #expect(header.queueId == 2)
            #expect(header.offset == 7)
            #expect(header.extraInfo == request.handleText)
        }
    }

    @Test(arguments: [
        (ResponseCode.noMessage, ProtoCode.invalidReceiptHandle), (.messageIllegal, .invalidReceiptHandle),
        (.topicNotExist, .invalidReceiptHandle), (.systemError, .internalServerError),
    ])
    func aBadHandleStopsClients(code: ResponseCode, expected: ProtoCode) async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(to: request, code: code, remark: "no")
        }
        try await withBackend(cluster) { fixture in
            let request = try receipt(fixture)
            let error: ProxyError? = await fixture.call { $0.acknowledge(request, completion: $1) }
            #expect(error?.code == expected)
        }
    }

    @Test func aChangeGivesANewHandle() async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(
                to: request, code: .success,
                header: ChangeInvisibleTimeResponseHeader(
                    popMillis: 1_800_000_000_000, invisibleMillis: 5_000, reviveQueueId: 4))
        }
        try await withBackend(cluster) { fixture in
            let request = try receipt(fixture)
            let handle: Result<String, ProxyError> = await fixture.call {
                $0.changeInvisible(request, invisibleMillis: 5_000, completion: $1)
            }
            #expect(try handle.get() == "7 1800000000000 5000 4 0 a 2 7 4096")
        }
    }

    // MARK: Pop

    private func pop(_ fixture: BackendFixture, isOrdered: Bool = false) async -> Result<PopAnswer, ProxyError> {
        await fixture.call { backend, completion in
            backend.pop(
                PopRequest(
                    group: "g", topic: fixture.topic, broker: fixture.broker, countMax: 16, invisibleMillis: 30_000,
                    pollMillis: 1_000, isSQL: false, expression: "a || b", isOrdered: isOrdered, attemptID: "try",
                    isAbandoned: { false }),
                completion: completion)
        }
    }

    /// Records as they stand in a pop's answer.
    private static func records(_ offsets: [(queueId: Int32, offset: Int64)]) -> ByteBuffer {
        var buffer = ByteBuffer()
        for (queueId, offset) in offsets {
            let start = buffer.writerIndex
            buffer.writeInteger(0 as Int32)
            buffer.writeInteger(0xDAA3_20A7 as UInt32)
            buffer.writeInteger(0 as Int32)
            buffer.writeInteger(queueId)
            buffer.writeInteger(0 as Int32)
            buffer.writeInteger(offset)
            buffer.writeInteger(offset * 100)
            buffer.writeRepeatingByte(0, count: 4 + 8 + 8 + 8 + 8 + 4 + 8)
            buffer.writeInteger(1 as Int32)
            buffer.writeInteger(UInt8(ascii: "x"))
            buffer.writeInteger(1 as UInt8)
            buffer.writeString("t")
            buffer.writeInteger(0 as Int16)
            buffer.setInteger(Int32(buffer.writerIndex - start), at: start)
        }
        return buffer
    }

    @Test func aPopFindsTheHandleOfEachMessage() async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(
                to: request, code: .success, remark: "FOUND",
                header: PopMessageResponseHeader(
                    popMillis: 111, invisibleMillis: 30_000, reviveQueueId: 6, restCount: 0,
                    startOffsetInfo: "0 1 10;0 3 20", messageOffsetInfo: "0 1 10,12;0 3 21",
                    orderCountInfo: "0 1 1;0 qo1%12 2"),
                body: Self.records([(1, 10), (3, 21), (1, 12)]))
        }
        try await withBackend(cluster) { fixture in
            let answer = try await pop(fixture, isOrdered: true).get()
            #expect(answer.messages.map(\.checkpoint?.startOffset) == [10, 20, 10])
            #expect(answer.messages.map(\.checkpoint?.queueOffset) == [10, 21, 12])
            #expect(answer.messages.map(\.reconsumeTimes) == [1, 0, 2])
            #expect(answer.messages.allSatisfy { $0.checkpoint?.reviveQueueId == 6 })
            #expect(answer.invisibleMillis == 30_000)
            let header = try PopMessageRequestHeader(fields: try #require(cluster.requests.first).fields)
            #expect(header.queueId == -1)
            #expect(header.bornMillis == 0)
            #expect(header.expression == "a || b")
            #expect(header.isOrdered == true)
            #expect(header.attemptId == "try")
        }
    }

    @Test func popsWithoutMessages() async throws {
        for (code, outcome) in [
            (ResponseCode.pollingTimeout, PopAnswer.Outcome.empty), (.pullNotFound, .empty),
            (.pollingFull, .pollingFull),
        ] {
            let cluster = FakeCluster { request, connection in connection.respond(to: request, code: code) }
            try await withBackend(cluster) { fixture in
                let answer = try await pop(fixture).get()
                #expect(answer.outcome == outcome)
            }
        }
    }

    @Test func damagedPopAnswersAreErrors() async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(
                to: request, code: .success,
                header: PopMessageResponseHeader(popMillis: 1, invisibleMillis: 1, reviveQueueId: 0, restCount: 0),
                body: ByteBuffer(bytes: [0, 0, 0, 99, 1, 2, 3]))
        }
        try await withBackend(cluster) { fixture in
            guard case .failure(let error) = await pop(fixture) else {
                Issue.record("not refused")
                return
            }
            #expect(error.code == .internalServerError)
        }
    }
}

@Suite struct ClusterMetadataTests {
    private static func metadata(_ fixture: BackendFixture, _ nameServers: [HostPort]) -> ClusterMetadata {
        ClusterMetadata(
            client: fixture.client, nameServers: nameServers, clusterName: "c", timeoutMillis: 1_000, clock: .system,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private static func cluster(own: @escaping @Sendable () -> String) -> FakeCluster {
        FakeCluster { request, connection in
            switch RequestCode(rawValue: request.code) {
            case .getRouteinfoByTopic:
                guard request.fields.optionalString("topic") == "topic" else {
                    return connection.respond(to: request, code: .topicNotExist, remark: "no")
                }
                let route = TopicRoute(
                    queues: [
                        QueueRoute(brokerName: "a", readQueueCount: 4, writeQueueCount: 4, permission: .readWrite)
                    ],
                    brokers: [BrokerRoute(cluster: "c", brokerName: "a", addresses: [0: own()])])
                connection.respond(
                    to: request, code: .success, header: EmptyHeader(), body: route.encode(.standard))
            case .getTopicConfig:
                let topic = TopicConfig(name: "topic", attributes: ["message.type": "FIFO"])
                connection.respond(to: request, code: .success, header: EmptyHeader(), body: topic.encode(.standard))
            case .getBrokerClusterInfo:
                let info = ClusterInfo(
                    brokers: ["a": BrokerRoute(cluster: "c", brokerName: "a", addresses: [0: own()])],
                    clusters: ["c": ["a"]])
                connection.respond(to: request, code: .success, header: EmptyHeader(), body: info.encode(.fastjson))
            case .getSubscriptiongroupConfig:
                guard request.fields.optionalString("group") == "g" else {
                    return connection.respond(to: request, code: .subscriptionGroupNotExist, remark: "no")
                }
                var group = SubscriptionGroupConfig(name: "g")
                group.consumeMessageOrderly = true
                connection.respond(to: request, code: .success, header: EmptyHeader(), body: group.encode(.standard))
            default: connection.respond(to: request, code: .requestCodeNotSupported)
            }
        }
    }

    @Test func routesComeFromTheNextNameServerWhenOneIsDown() async throws {
        let own = OwnAddress()
        try await withBackend(Self.cluster(own: { own.text })) { fixture in
            own.text = fixture.address.description
            let dead = HostPort(host: "127.0.0.1", port: 1)
            let metadata = Self.metadata(fixture, [dead, fixture.address])
            let topic = try #require(try await metadata.fetchTopic("topic"))
            #expect(topic.messageType == .fifo)
            #expect(topic.sendQueues.count == 4)
            #expect(try await metadata.fetchTopic("other") == nil)
            #expect(try await metadata.fetchGroup("g")?.consumeMessageOrderly == true)
            #expect(try await metadata.fetchGroup("other") == nil)
        }
    }

    @Test func withoutANameServerItIsAnErrorAndNotAnAbsence() async throws {
        try await withBackend(Self.cluster(own: { "" })) { fixture in
            let metadata = Self.metadata(fixture, [HostPort(host: "127.0.0.1", port: 1)])
            await #expect(throws: ProxyError.self) { try await metadata.fetchTopic("topic") }
        }
    }
}
