import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@testable import BrokerServer

@Suite("Client requests over a socket")
struct ClientRequestTests {
    private func heartbeat(_ client: String, group: String) -> ByteBuffer {
        HeartbeatData(
            clientId: client, producerGroups: ["p"],
            consumers: [ConsumerData(groupName: group, subscriptions: [SubscriptionData(topic: "T")])]
        ).encode()
    }

    @Test("members of a group learn when another one comes and when its connection closes")
    func notification() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let logger = Logger(label: "test")
        let test = try TestBroker()
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await node.start())
        let loop = group.next()
        let (first, second) = (
            RemotingClient(eventLoop: loop, logger: logger), RemotingClient(eventLoop: loop, logger: logger)
        )
        let (notices, sink) = AsyncStream.makeStream(of: String.self)
        try await loop.submit {
            first.onServerRequest = { request, _ in
                sink.yield("\(request.code) \(request.fields.optionalString("consumerGroup") ?? "")")
            }
        }.get()
        var heard = notices.makeAsyncIterator()
        func beat(_ client: RemotingClient, _ name: String) async throws -> RemotingCommand {
            try await client.callAsync(
                address, code: .heartBeat, body: heartbeat(name, group: "g"), timeoutMillis: 5_000)
        }

        let answer = try await beat(first, "c1")
        #expect(answer.responseCode == .success)
        #expect(await heard.next() == "40 g")
        _ = try await beat(second, "c2")
        #expect(await heard.next() == "40 g")
        let list = try await first.callAsync(
            address, code: .getConsumerListByGroup, header: GetConsumerListByGroupRequestHeader(consumerGroup: "g"),
            timeoutMillis: 5_000)
        #expect(try ConsumerIdList(decoding: list.body).clientIds == ["c1", "c2"])
        // Topics are made one after the other, so the one for retries is there when this one is.
        try await test.createTopic("T")
        #expect(test.broker.topics.topic("%RETRY%g") != nil)
        second.shutdown()
        #expect(await heard.next() == "40 g")
        #expect(test.broker.clients.ask { $0.clientIDs(group: "g") } == ["c1"])
        first.shutdown()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }

    @Test("the VIP router takes sends and acknowledgements, and no pops")
    func vip() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let test = try TestBroker()
        let server = RemotingServer(
            group: group, service: RequestRouter(broker: test.broker, port: .vip, logger: logger), logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await server.bind(host: "127.0.0.1", port: 0))
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        let send = SendMessageRequestHeaderV2(
            SendMessageFields(
                producerGroup: "p", topic: "T", defaultTopic: "TBW102", defaultTopicQueueCount: 4, queueId: 0,
                sysFlag: 0, bornTimestampMillis: 1, flag: 0))
        let stored = try await client.callAsync(
            address, code: .sendMessageV2, header: send, body: ByteBuffer(string: "x"), timeoutMillis: 5_000)
        #expect(stored.responseCode == .success)
        #expect(try stored.header(SendMessageResponseHeader.self).queueOffset == 0)
        let pop = try await client.callAsync(
            address, code: .popMessage,
            header: PopMessageRequestHeader(
                consumerGroup: "g", topic: "T", queueId: -1, maxMessageCount: 1, invisibleMillis: 10_000,
                pollMillis: 0, bornMillis: 0, initMode: 0),
            timeoutMillis: 5_000)
        #expect(pop.responseCode == .requestCodeNotSupported)
        client.shutdown()
        await server.shutdown(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }

    @Test("statistics of topic and group tell what was sent and handed out")
    func statistics() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let test = try TestBroker()
        try await test.createTopic("T", queues: 1)
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await node.start())
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        for _ in 0..<3 { _ = await test.send(test.request("T")) }
        // Messages become readable a moment after they are stored.
        while test.broker.store.maxOffset(topic: "T", queueId: 0) < 3 { await Task.yield() }
        let pop = try await client.callAsync(
            address, code: .popMessage,
            header: PopMessageRequestHeader(
                consumerGroup: "g", topic: "T", queueId: -1, maxMessageCount: 2, invisibleMillis: 60_000,
                pollMillis: 5_000, bornMillis: 0, initMode: 0),
            timeoutMillis: 10_000)
        #expect(pop.responseCode == .success)
        let stats = try await client.callAsync(
            address, code: .getTopicStatsInfo, header: GetTopicStatsRequestHeader(topic: "T"), timeoutMillis: 5_000)
        let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueId: 0)
        let offsets = try TopicStats(decoding: stats.body).offsets[queue]
        #expect(offsets?.maxOffset == 3 && offsets?.minOffset == 0 && (offsets?.lastUpdateTimestampMillis ?? 0) > 0)
        let progress = try await client.callAsync(
            address, code: .getConsumeStats, header: GetConsumeStatsRequestHeader(consumerGroup: "g", topic: "T"),
            timeoutMillis: 5_000)
        let table = try ConsumeStats(decoding: progress.body).offsets[queue]
        #expect(table?.brokerOffset == 3 && table?.consumerOffset == 0 && table?.pullOffset == 2)
        let info = try await client.callAsync(address, code: .getBrokerRuntimeInfo, timeoutMillis: 5_000)
        let figures = try KVTable(decoding: info.body).table
        #expect(figures["msgPutTotalTodayNow"] == "3" && figures["msgGetTotalTodayNow"] == "2")
        #expect(figures["brokerActive"] == "true" && figures["putTps"] != nil)
        client.shutdown()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }
}
