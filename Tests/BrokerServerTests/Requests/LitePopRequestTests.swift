import DeliveryEngine
import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@testable import BrokerServer

@Suite("Lite pops over a socket") struct LitePopRequestTests {
    @Test("what a pop took comes again within a minute when its connection closes")
    func lostConnection() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let logger = Logger(label: "test")
        let test = try TestBroker()
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await node.start())
        try await makeLiteTopic(test)
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        let subscription = LiteSubscriptionBody(entries: [
            .init(action: .partialAdd, clientId: "c", group: "g", topic: "P", liteTopics: ["a"])
        ])
        _ = try await client.callAsync(
            address, code: .liteSubscriptionCtl, body: subscription.encode(.standard), timeoutMillis: 5_000)
        let answer = try await client.callAsync(
            address, code: .popLiteMessage,
            header: PopLiteMessageRequestHeader(
                clientId: "c", consumerGroup: "g", topic: "P", maxMessageCount: 32, invisibleMillis: 900_000,
                pollMillis: 5_000, bornMillis: 0), timeoutMillis: 10_000)
        let popMillis = try answer.header(PopLiteMessageResponseHeader.self).popMillis
        let queue = LiteTopicName(parent: "P", lite: "a").queueName
        let key = SubscriptionKey(group: "g", topic: queue)
        func blockedUntilMillis() -> Int64? {
            test.broker.delivery.table.find(key)?.withState {
                $0.queue(0)?.ledger.liteBlockedUntilMillis(nowMillis: popMillis)
            }
        }
        #expect(blockedUntilMillis() == popMillis + 900_000)
        client.shutdown()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        #expect(blockedUntilMillis() == popMillis + AnsweredPops.hiddenMillisMax)
        #expect(test.broker.lite.state.withLockedValue { $0.blocked[key] } == popMillis + AnsweredPops.hiddenMillisMax)
    }

    /// A lite topic "a" of the topic "P" with one message, and a group "g" for it.
    private func makeLiteTopic(_ test: TestBroker) async throws {
        var parent = TopicConfig(name: "P", readQueueCount: 1, writeQueueCount: 1)
        parent.messageType = .lite
        _ = try await test.broker.topics.put(parent).get()
        var consumers = SubscriptionGroupConfig(name: "g")
        consumers.attributes[AttributeName.liteBindTopic] = "P"
        try await test.put(consumers)
        let outcome = await test.send(test.request("P", properties: "__LITE_TOPIC\u{1}a\u{2}"))
        guard case .stored = outcome else { throw BrokerError(.store, "\(outcome)") }
    }
}
