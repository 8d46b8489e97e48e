import Logging
import MessageModel
import RemotingCodec
import ServerSupport
import Testing

@testable import BrokerServer

/// The page of a broker, as far as tests with real programs do not see it.
@Suite struct BrokerMetricsTests {
    private func lines(_ broker: Broker) -> [Substring] {
        var page = MetricsPage(common: [], rowsMax: 100)
        broker.addMetrics(to: &page)
        return page.text.split(separator: "\n")
    }

    @Test func ofAGroupThatPullsOnlyItsOffsetsAreKnown() async throws {
        let test = try TestBroker { $0.monitor.isEnabled = true }
        try await test.createTopic("T", queues: 2)
        for _ in 0..<5 { _ = await test.send(test.request("T")) }
        while test.broker.store.maxOffset(topic: "T", queueId: 0) < 5 { await Task.yield() }
        test.broker.delivery.offsets.commit(group: "g", topic: "T", queueID: 0, offset: 2)
        // A topic that is gone is not told of.
        test.broker.delivery.offsets.commit(group: "g", topic: "gone", queueID: 0, offset: 2)
        let page = lines(test.broker)
        let labels = #"{consumer_group="g",topic="T",is_retry="false",is_system="false"}"#
        #expect(page.contains("rocketmq_consumer_lag_messages\(labels) 3"))
        #expect(page.contains("rocketmq_consumer_ready_messages\(labels) 3"))
        #expect(!page.contains { $0.hasPrefix("rocketmq_consumer_inflight_messages{") })
        #expect(!page.contains { $0.contains("topic=\"gone\"") })
        #expect(page.contains("rocketmq_message_size_count 5"))
        test.broker.delivery.offsets.commit(group: "g", topic: "T", queueID: 0, offset: 5)
        #expect(lines(test.broker).contains("rocketmq_consumer_lag_latency\(labels) 0"))
        try test.close()
    }

    @Test func aDeletedTopicIsNotToldOfToGroupsThatAreBoundToIt() async throws {
        let test = try TestBroker { $0.monitor.isEnabled = true }
        try await test.createTopic("P")
        var group = SubscriptionGroupConfig(name: "g")
        for parent in ["P", "gone"] {
            group.attributes[AttributeName.liteBindTopic] = parent
            try await test.put(group)
            test.broker.delivery.offsets.commit(group: "g", topic: "%LMQ%$\(parent)$a", queueID: 0, offset: 2)
            let isTold = lines(test.broker).contains { $0.contains("topic=\"\(parent)\"") }
            #expect(isTold == (parent == "P"))
        }
        try test.close()
    }

    @Test func connectionsAreCountedByGroupAndClient() async throws {
        let test = try TestBroker()
        var effects: [ClientTable.Effect] = []
        var table = ClientTable()
        let unknown = [LanguageCode(rawValue: 200), LanguageCode(rawValue: 201)]
        for (id, language) in ([.java, .java, .go] + unknown).enumerated() {
            let client = ClientIdentity(
                clientID: "c\(id)", address: "a", language: language, version: ProtocolVersion.current)
            effects.append(
                table.heartbeat(
                    client, on: ClientConnectionID(rawValue: UInt64(id)), producerGroups: ["p", "q"],
                    consumers: [
                        ConsumerBeat(
                            group: "g", consumeType: .passively, messageModel: .clustering,
                            consumeFromWhere: .lastOffset, subscriptions: [])
                    ], nowMillis: 0))
        }
        var page = MetricsPage(common: [], rowsMax: 100)
        Broker.addConnections(ConnectionCounts(of: table), to: &page)
        let lines = page.text.split(separator: "\n")
        let java = #"language="java",version="v5_3_3",protocol_type="remoting"}"#
        #expect(lines.contains("rocketmq_producer_connections{\(java) 4"))
        #expect(lines.contains { $0.hasPrefix("rocketmq_producer_connections{language=\"go\"") && $0.hasSuffix(" 2") })
        let others = lines.filter { $0.hasPrefix("rocketmq_producer_connections{language=\"other\"") }
        #expect(others.count == 1 && others.allSatisfy { $0.hasSuffix(" 4") })
        #expect(
            lines.contains(
                "rocketmq_consumer_connections{consumer_group=\"g\",is_system=\"false\",consume_mode=\"push\",\(java) 2"
            ))
        try test.close()
    }

    @Test func healthFollowsTheBroker() throws {
        let test = try TestBroker()
        #expect(test.broker.health == ServingHealth(isWell: true, json: ["status": "ready"]))
        #expect(test.broker.isReady)
        try test.close()
        #expect(test.broker.health == ServingHealth(isWell: false, json: ["status": "stopping"]))
        #expect(!test.broker.isReady && test.broker.notReady.code == .systemBusy)
        let page = lines(test.broker)
        #expect(page.contains { $0.hasPrefix("rocketmq_storage_writable{") && $0.hasSuffix(" 0") })
    }
}
