import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@testable import BrokerServer

/// A broker behind a socket, a tool's client and a consumer's.
private final class AdministratedBroker {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let test: TestBroker
    let node: BrokerNode
    let address: HostPort
    let tool: RemotingClient
    let consumer: RemotingClient
    /// Bodies of the consumer's answers, by code; what is not there is not answered.
    let consumerAnswers = NIOLockedValueBox<[Int32: String]>([:])
    let consumerSaw = NIOLockedValueBox<[RemotingCommand]>([])

    init(_ change: (inout BrokerConfiguration) -> Void = { _ in }) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        test = try TestBroker(change)
        node = BrokerNode(broker: test.broker, group: group, logger: logger)
        address = HostPort(host: "127.0.0.1", port: try await node.start())
        tool = RemotingClient(eventLoop: group.next(), logger: logger)
        consumer = RemotingClient(eventLoop: group.next(), logger: logger)
        try await consumer.eventLoop.submit { [consumer, consumerAnswers, consumerSaw] in
            consumer.onServerRequest = { request, reply in
                consumerSaw.withLockedValue { $0.append(request) }
                guard let body = consumerAnswers.withLockedValue({ $0[request.code] }) else { return }
                reply.respond(
                    to: request.ticket, code: .success, header: EmptyHeader(), body: ByteBuffer(string: body))
            }
        }.get()
    }

    func ask(
        _ code: RequestCode, _ header: some RemotingHeader = EmptyHeader(), body: ByteBuffer? = nil
    ) async throws -> RemotingCommand {
        try await tool.callAsync(address, code: code, header: header, body: body, timeoutMillis: 15_000)
    }

    func joinConsumer(_ id: String, group: String, topic: String) async throws {
        let beat = HeartbeatData(
            clientId: id, producerGroups: ["producers"],
            consumers: [ConsumerData(groupName: group, subscriptions: [SubscriptionData(topic: topic)])])
        _ = try await consumer.callAsync(address, code: .heartBeat, body: beat.encode(), timeoutMillis: 5_000)
    }

    /// Sends messages to queue 0 and waits until they can be read.
    func send(_ count: Int, to topic: String) async throws {
        let end = test.broker.store.maxOffset(topic: topic, queueId: 0) + Int64(count)
        for _ in 0..<count { _ = await test.send(test.request(topic)) }
        while test.broker.store.maxOffset(topic: topic, queueId: 0) < end { await Task.yield() }
    }

    func pop(_ count: Int32, of topic: String, group: String) async throws -> PopBatch {
        var request = PopRequest(group: group, topic: topic)
        request.maxCount = count
        request.start = .earliest
        let outcome = await withCheckedContinuation { (done: CheckedContinuation<PopOutcome, Never>) in
            test.broker.delivery.pop(request) { done.resume(returning: $0) }
        }
        guard case .found(let batch) = outcome else { throw BrokerError(.store, "nothing to pop") }
        return batch
    }

    func stop() async throws {
        tool.shutdown()
        consumer.shutdown()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }
}

@Suite("Administrative requests over a socket")
struct AdministrationTests {
    private static let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueId: 0)

    @Test("running info and direct consumption are the client's own answers")
    func relay() async throws {
        let world = try await AdministratedBroker()
        try await world.test.createTopic("T", queues: 1)
        let stored = await world.test.send(world.test.request("T"))
        guard case .stored(let receipt) = stored, case .one(let logOffset) = receipt.logOffsets else {
            Issue.record("not stored")
            return
        }
        try await world.joinConsumer("c1", group: "g", topic: "T")
        world.consumerAnswers.withLockedValue { answers in
            answers[307] = #"{"properties":{"PROP_CLIENT_VERSION":"V5"}}"#
            answers[309] = #"{"consumeResult":"CR_SUCCESS"}"#
            answers[221] =
                #"{"consumerTable":{},"messageQueueTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:4}}"#
        }
        let info = try await world.ask(
            .getConsumerRunningInfo, GetConsumerRunningInfoRequestHeader(consumerGroup: "g", clientId: "c1"))
        #expect(info.responseCode == .success && String(buffer: info.body).contains("PROP_CLIENT_VERSION"))
        let id = OffsetMessageId(host: [127, 0, 0, 1], port: 10_911, logOffset: logOffset).text
        let consumed = try await world.ask(
            .consumeMessageDirectly,
            ConsumeMessageDirectlyRequestHeader(consumerGroup: "g", clientId: "c1", msgId: id, topic: "T"))
        #expect(consumed.responseCode == .success && String(buffer: consumed.body).contains("CR_SUCCESS"))
        let question = try #require(world.consumerSaw.withLockedValue { $0.last { $0.code == 309 } })
        #expect(question.fields.value(named: "brokerName") == "broker-a")
        #expect(try String(buffer: MessageRecord(question.body).body) == "hello")
        let status = try await world.ask(
            .invokeBrokerToGetConsumerStatus, GetConsumerStatusRequestHeader(topic: "T", group: "g"))
        #expect(try ConsumerStatus(decoding: status.body).offsetsByClient == ["c1": [Self.queue: 4]])
        let absent = try await world.ask(
            .getConsumerRunningInfo, GetConsumerRunningInfoRequestHeader(consumerGroup: "g", clientId: "c2"))
        #expect(absent.responseCode == .systemError && absent.remark == "The Consumer <g> <c2> not online")
        let lost = try await world.ask(
            .consumeMessageDirectly,
            ConsumeMessageDirectlyRequestHeader(consumerGroup: "g", clientId: "c1", msgId: "xyz"))
        #expect(lost.responseCode == .systemError)
        try await world.stop()
    }

    @Test("lag, time spans and rates tell what was sent, popped and acknowledged")
    func progress() async throws {
        let world = try await AdministratedBroker()
        try await world.test.createTopic("T", queues: 1)
        try await world.send(5, to: "T")
        let batch = try await world.pop(3, of: "T", group: "g")
        for message in batch.messages.prefix(2) {
            try world.test.broker.delivery.ack(
                AckRequest(
                    group: "g", topic: "T", queueID: 0, offset: message.queueOffset, popMillis: batch.popMillis,
                    isOrdered: false))
        }
        let list = try ConsumeStatsList(
            decoding: try await world.ask(.getBrokerConsumeStats, GetBrokerConsumeStatsRequestHeader(isOrder: false))
                .body)
        // Two of five are done, one of them is in flight.
        #expect(list.behind == 3 && list.inFlight == 1)
        let stats = try #require(list.groups.first { $0.name == "g" }?.topics.first)
        #expect(stats.offsets[Self.queue]?.consumerOffset == 2 && stats.consumeTps > 0)
        let span = try ConsumeTimeSpans(
            decoding: try await world.ask(
                .queryConsumeTimeSpan, QueryConsumeTimeSpanRequestHeader(topic: "T", group: "g")
            )
            .body
        ).spans[0]
        #expect(span.minMillis > 0 && span.maxMillis >= span.minMillis && span.delayMillis >= 0)
        for (name, key, sum) in [
            ("TOPIC_PUT_NUMS", "T", 5), ("GROUP_GET_NUMS", "T@g", 3), ("GROUP_ACK_NUMS", "T@g", 2),
            ("BROKER_PUT_NUMS", "DefaultCluster", nil),
        ] as [(String, String, Int64?)] {
            let answer = try await world.ask(
                .viewBrokerStatsData, ViewBrokerStatsRequestHeader(statsName: name, statsKey: key))
            let data = try BrokerStatsData(decoding: answer.body)
            #expect(sum == nil || data.minute.sum == sum, "\(name)")
            #expect(data.minute.perSecond > 0 && data.day.sum >= data.minute.sum)
        }
        let topics = try await world.ask(.queryTopicsByConsumer, QueryTopicsByConsumerRequestHeader(group: "g"))
        #expect(try TopicList(decoding: topics.body).topics == ["T"])
        let entries = try await world.ask(
            .queryConsumeQueue, QueryConsumeQueueRequestHeader(topic: "T", queueId: 0, index: 3, count: 10))
        let body = try ConsumeQueueEntries(decoding: entries.body)
        #expect(body.entries.count == 2 && body.maxOffset == 5 && body.entries.allSatisfy { $0.size > 0 })
        try await world.stop()
    }

    @Test("offsets are cloned and compared")
    func offsets() async throws {
        let world = try await AdministratedBroker()
        let broker = world.test.broker
        for name in ["T", "U"] { try await world.test.createTopic(name, queues: 2) }
        for (topic, queue, offset) in [("T", 0, 7), ("T", 1, 9), ("U", 0, 3)] as [(String, Int32, Int64)] {
            broker.delivery.commitOffset(group: "a", topic: topic, queueID: queue, offset: offset)
        }
        _ = try await world.ask(
            .cloneGroupOffset, CloneGroupOffsetRequestHeader(srcGroup: "a", destGroup: "b", topic: "T"))
        #expect(broker.delivery.offsets.offsets(group: "b", topic: "T") == [0: 7, 1: 9])
        #expect(broker.delivery.offsets.offsets(group: "b", topic: "U").isEmpty)
        _ = try await world.ask(.cloneGroupOffset, CloneGroupOffsetRequestHeader(srcGroup: "a", destGroup: "b"))
        #expect(broker.delivery.offsets.offset(group: "b", topic: "U", queueID: 0) == 3)
        broker.delivery.commitOffset(group: "b", topic: "T", queueID: 0, offset: 2)
        let correction = try await world.ask(
            .queryCorrectionOffset, QueryCorrectionOffsetRequestHeader(compareGroup: "a", topic: "T"))
        #expect(try CorrectionOffsets(decoding: correction.body).offsets == [0: 2, 1: 9])
        try await world.stop()
    }

    @Test("lists of topics and groups, forbidden topics and producers")
    func lists() async throws {
        let world = try await AdministratedBroker()
        let broker = world.test.broker
        let topics =
            #"{"topicConfigList":[{"topicName":"A","readQueueNums":2,"writeQueueNums":3,"perm":6},{"topicName":"B"}]}"#
        let made = try await world.ask(.updateAndCreateTopicList, body: ByteBuffer(string: topics))
        #expect(made.responseCode == .success, "\(made.remark ?? "")")
        #expect(broker.topics.topic("A")?.writeQueueCount == 3 && broker.topics.topic("B") != nil)
        let bad = #"{"topicConfigList":[{"topicName":"C"},{"topicName":"bad name"}]}"#
        #expect(
            try await world.ask(.updateAndCreateTopicList, body: ByteBuffer(string: bad)).responseCode
                == .invalidParameter)
        #expect(broker.topics.topic("C") == nil)
        let groups = #"{"groupConfigList":[{"groupName":"x","retryMaxTimes":3},{"groupName":"y"}]}"#
        _ = try await world.ask(.updateAndCreateSubscriptiongroupList, body: ByteBuffer(string: groups))
        #expect(broker.groups.group("x")?.retryMaxTimes == 3 && broker.groups.group("y") != nil)
        func forbidden(_ readable: Bool?) async throws -> GroupForbidden {
            try GroupForbidden(
                decoding: try await world.ask(
                    .updateAndGetGroupForbidden,
                    UpdateGroupForbiddenRequestHeader(group: "x", topic: "A", readable: readable)
                ).body)
        }
        #expect(try await forbidden(nil).isReadable)
        #expect(try await forbidden(false).isReadable == false)
        #expect(try await forbidden(nil).isReadable == false && broker.groups.isReadForbidden(group: "x", topic: "A"))
        #expect(try await forbidden(true).isReadable)
        try await world.joinConsumer("c1", group: "x", topic: "A")
        let producers = try ProducerTable(decoding: try await world.ask(.getAllProducerInfo).body)
        #expect(producers.groups["producers"]?.first?.connection.clientId == "c1")
        let subscription = try await world.ask(
            .querySubscriptionByConsumer, QuerySubscriptionByConsumerRequestHeader(group: "x", topic: "A"))
        #expect(try GroupSubscription(decoding: subscription.body).subscription?.topic == "A")
        let system = try TopicList(decoding: try await world.ask(.getSystemTopicListFromBroker).body)
        #expect(system.topics.contains("TBW102") && !system.topics.contains("A"))
        try await world.stop()
    }

    @Test("settings change while the broker runs, and name servers learn of the permission")
    func settings() async throws {
        let world = try await AdministratedBroker()
        let version = world.test.broker.topics.snapshot.dataVersion
        let refused = try await world.ask(.updateBrokerConfig, body: ByteBuffer(string: "brokerConfigPath=/x"))
        #expect(refused.responseCode == .noPermission)
        let mode = try await world.ask(.setCommitlogReadMode, SetCommitLogReadModeRequestHeader(mode: 7))
        #expect(mode.responseCode == .invalidParameter)
        let random = try await world.ask(.setCommitlogReadMode, SetCommitLogReadModeRequestHeader(mode: 1))
        #expect(random.remark == "set commitlog readahead mode success, mode: 1")
        for code in [RequestCode.cleanExpiredConsumequeue, .cleanUnusedTopic, .deleteExpiredCommitlog] {
            #expect(try await world.ask(code).responseCode == .success)
        }
        #expect(world.test.broker.topics.snapshot.dataVersion == version)
        let unknown = try await world.ask(RequestCode(rawValue: 908))
        #expect(unknown.responseCode == .requestCodeNotSupported)
        #expect(unknown.remark?.hasPrefix("request type 908 not supported: there is no controller") == true)
        try await world.stop()
    }
}
