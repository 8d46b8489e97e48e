import AdminClient
import MessageModel
import RemotingCodec
import Testing

/// Commands against a real name server pair and a broker that notes what it is asked.
@Suite struct AdminClientTests {
    private func withCluster(
        topics: [String] = ["T", "U", "%RETRY%g"], _ body: (StubCluster) async throws -> Void
    ) async throws {
        let cluster = try await StubCluster(topics: topics)
        do {
            try await body(cluster)
        } catch {
            try await cluster.stop()
            throw error
        }
        try await cluster.stop()
    }

    private func expectFailure(
        _ code: AdminError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
    ) async {
        do {
            try await body()
            Issue.record("no failure", sourceLocation: sourceLocation)
        } catch {
            #expect((error as? AdminError)?.code == code, sourceLocation: sourceLocation)
        }
    }

    @Test func updateTopicGoesToAllMasters() async throws {
        try await withCluster { (cluster: StubCluster) async throws in
            var topic = TopicConfig(name: "New", readQueueCount: 2, writeQueueCount: 3)
            topic.isOrdered = true
            let result = try await cluster.admin.updateTopic(
                topic, attributes: "+message.type=FIFO", on: .cluster("C"))
            #expect(result.brokers == [cluster.brokerAddress] && result.orderConf == "broker-a:3")
            let seen = try #require(cluster.broker.requests(.updateAndCreateTopic).first)
            #expect(seen.fields["topic"] == "New" && seen.fields["attributes"] == "+message.type=FIFO")
            #expect(seen.fields["readQueueNums"] == "2" && seen.fields["writeQueueNums"] == "3")
            #expect(seen.fields["perm"] == "6" && seen.fields["order"] == "true")
            // Both name servers keep the order.
            for address in cluster.nameServers {
                let again = try await cluster.admin(with: [address]).updateTopic(
                    topic, attributes: "", on: .broker(cluster.brokerAddress))
                #expect(again.orderConf == "broker-a:3")
            }
        }
    }

    @Test func badValuesAndRefusalsAreTold() async throws {
        try await withCluster { (cluster: StubCluster) async throws in
            let admin = cluster.admin
            await expectFailure(.invalidArgument) {
                _ = try await admin.updateTopic(TopicConfig(name: "a b"), attributes: "", on: .cluster("C"))
            }
            await expectFailure(.invalidArgument) {
                _ = try await admin.updateTopic(TopicConfig(name: "a"), attributes: "x=y", on: .cluster("C"))
            }
            await expectFailure(.notFound) { _ = try await admin.deleteTopic("T", cluster: "none") }
            await expectFailure(.notFound) { _ = try await admin.topicStatus("none") }
            cluster.broker.answer(.updateAndCreateSubscriptiongroup, "", .noPermission)
            let group = SubscriptionGroupConfig(name: "g")
            await expectFailure(.refused) { _ = try await admin.updateSubscriptionGroup(group, on: .cluster("C")) }
            cluster.broker.answer(.getTopicStatsInfo, "no JSON")
            await expectFailure(.badAnswer) { _ = try await admin.topicStatus("T") }
        }
    }

    @Test func anyNameServerWillDo() async throws {
        try await withCluster { (cluster: StubCluster) async throws in
            let dead = HostPort(host: "127.0.0.1", port: 1)
            let admin = cluster.admin(with: [dead] + cluster.nameServers)
            #expect(try await admin.topicList() == ["%RETRY%g", "T", "U"])
            let lost = cluster.admin(with: [dead])
            await expectFailure(.unreachable) { _ = try await lost.topicList() }
        }
    }

    @Test func deletedTopicHasNoRoute() async throws {
        try await withCluster { (cluster: StubCluster) async throws in
            #expect(try await cluster.admin.route(of: "T") != nil)
            #expect(try await cluster.admin.deleteTopic("T", cluster: "C") == [cluster.brokerAddress])
            #expect(cluster.broker.requests(.deleteTopicInBroker).map(\.fields["topic"]) == ["T"])
            for address in cluster.nameServers {
                #expect(try await cluster.admin(with: [address]).route(of: "T") == nil)
            }
        }
    }

    @Test func listsAndStatus() async throws {
        try await withCluster { (cluster: StubCluster) async throws in
            cluster.broker.answer(.queryTopicConsumeByWho, #"{"groupList":["g2","g1"]}"#)
            let rows = try await cluster.admin.topicListWithGroups()
            #expect(rows.map { "\($0.topic) \($0.group)" } == ["T g1", "T g2", "U g1", "U g2"])
            cluster.broker.answer(
                .getTopicStatsInfo,
                #"{"offsetTable":{{"brokerName":"broker-a","queueId":1,"topic":"T"}:{"lastUpdateTimestamp":7,"#
                    + #""maxOffset":2,"minOffset":1},{"brokerName":"broker-a","queueId":0,"topic":"T"}:{}}}"#)
            let status = try await cluster.admin.topicStatus("T")
            #expect(status.rows.map(\.queue.queueId) == [0, 1])
            #expect(status.rows[1].offset.maxOffset == 2 && status.rows[1].offset.lastUpdateTimestampMillis == 7)
            cluster.broker.answer(.getBrokerRuntimeInfo, #"{"table":{"brokerActive":"true"}}"#)
            let processes = try await cluster.admin.clusterList()
            #expect(processes.count == 1 && processes[0].runtime == ["brokerActive": "true"])
            cluster.broker.answer(.getBrokerRuntimeInfo, "", .systemError)
            #expect(try await cluster.admin.clusterList(cluster: "C").first?.failure != nil)
        }
    }

    @Test func progressOfGroups() async throws {
        try await withCluster { (cluster: StubCluster) async throws in
            cluster.broker.answer(
                .getConsumeStats,
                #"{"consumeTps":1.5,"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:"#
                    + #"{"brokerOffset":10,"consumerOffset":4,"lastTimestamp":9,"pullOffset":6}}}"#)
            cluster.broker.answer(.getConsumerConnectionList, "", .consumerNotOnline)
            let one = try await cluster.admin.consumerProgress(group: "g", topic: "T")
            #expect(one.behind == 6 && one.inFlight == 2 && one.consumeTps == 1.5)
            #expect(cluster.broker.requests(.getConsumeStats).first?.fields == ["consumerGroup": "g", "topic": "T"])
            let all = try await cluster.admin.allConsumerProgress()
            #expect(all.map(\.group) == ["g"] && all[0].connections == nil && all[0].behind == 6)
            // A group without a retry topic is looked for on all brokers.
            #expect(try await cluster.admin.consumerProgress(group: "other").rows.count == 1)
        }
    }
}
