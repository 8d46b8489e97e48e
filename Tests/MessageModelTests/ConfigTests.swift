import MessageModel
import Testing

@Suite struct ConfigTests {
    @Test func topicsOfARecordedFileSurvive() throws {
        let table = try #require(try goldenJSON("topics.json")["topicConfigTable"]?.members)
        #expect(table.count > 10)
        for member in table {
            let topic = try TopicConfig(json: member.value, name: member.key.text)
            #expect(topic.name == member.key.text)
            #expect(topic.json == member.value)
            var unordered = topic
            unordered.isOrdered = false  // the compact form does not carry it
            #expect(try TopicConfig(compactText: topic.compactText) == unordered)
        }
        let version = try DataVersion(json: try #require(try goldenJSON("topics.json")["dataVersion"]))
        #expect(version == DataVersion(stateVersion: 0, timestampMillis: 1_795_365_040_078, counter: 15))
    }

    @Test func groupsOfARecordedFileSurvive() throws {
        let table = try #require(try goldenJSON("subscriptionGroup.json")["subscriptionGroupTable"]?.members)
        for member in table {
            let group = try SubscriptionGroupConfig(json: member.value, name: member.key.text)
            #expect(group.name == member.key.text)
            #expect(group.json == member.value)
            #expect(group.retryPolicy == .standard)
        }
    }

    @Test func topicDefaultsAndMessageType() throws {
        let topic = try TopicConfig(json: ["topicName": "T"])
        #expect(topic == TopicConfig(name: "T"))
        #expect(topic.messageType == .normal)
        let fifo = try TopicConfig(json: ["topicName": "T", "attributes": ["message.type": "FIFO"]])
        #expect(fifo.messageType == .fifo)
        #expect(TopicConfig(name: "T", attributes: ["message.type": "?"]).messageType == .unspecified)
    }

    @Test func badConfigNamesTheField() {
        #expect(throws: ModelError(.invalidField, "topic T: perm must be a 32-bit number")) {
            try TopicConfig(json: ["perm": "x"], name: "T")
        }
        #expect(throws: ModelError.self) { try TopicConfig(json: [1], name: "T") }
        #expect(throws: ModelError.self) { try TopicConfig(compactText: "T 1 2") }
        #expect(throws: ModelError.self) { try TopicConfig(compactText: "T 1 2 6 SINGLE_TAG {bad") }
    }

    @Test func oldCompactTopicHasNoAttributes() throws {
        let topic = try TopicConfig(compactText: "T 1 2 6 SINGLE_TAG")
        #expect(topic == TopicConfig(name: "T", readQueueCount: 1, writeQueueCount: 2))
    }

    @Test func retryPolicies() throws {
        let standard = GroupRetryPolicy.standard
        #expect(standard.delayMillis(reconsumeTimes: 0) == 10_000)
        #expect(standard.delayMillis(reconsumeTimes: 15) == 7_200_000)
        #expect(standard.delayMillis(reconsumeTimes: Int32.max) == 7_200_000)
        #expect(standard.delayMillis(reconsumeTimes: -5) == 10_000)
        let exponential = GroupRetryPolicy.standardExponential
        #expect(exponential.delayMillis(reconsumeTimes: 0) == 5_000)
        #expect(exponential.delayMillis(reconsumeTimes: 3) == 40_000)
        #expect(exponential.delayMillis(reconsumeTimes: 1_000) == 7_200_000)
        let huge = GroupRetryPolicy.exponential(initialMillis: 1 << 60, maxMillis: 1 << 62, multiplier: 1 << 40)
        #expect(huge.delayMillis(reconsumeTimes: 9) == 1 << 62)
        for policy in [standard, exponential, .customized([1, 2, 3]), huge] {
            #expect(try GroupRetryPolicy(json: policy.json) == policy)
        }
        #expect(GroupRetryPolicy.customized([]).delayMillis(reconsumeTimes: 0) == 10_000)
    }

    @Test func routeInBothFlavours() throws {
        let route = TopicRoute(
            queues: [
                QueueRoute(brokerName: "broker-a", readQueueCount: 4, writeQueueCount: 4, permission: .readWrite)
            ],
            brokers: [
                BrokerRoute(
                    cluster: "DefaultCluster", brokerName: "broker-a",
                    addresses: [0: "1.1.1.1:10911", 1: "1.1.1.2:10911"])
            ])
        let expected =
            #"{"brokerDatas":[{"brokerAddrs":{0:"1.1.1.1:10911",1:"1.1.1.2:10911"},"brokerName":"broker-a","#
            + #""cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},"queueDatas":"#
            + #"[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}"#
        let legacy = route.json.serialize(unquotedIntegerKeys: true)
        #expect(String(decoding: legacy, as: UTF8.self) == expected)
        #expect(try TopicRoute(json: JSONValue(parsing: legacy)) == route)
        #expect(try TopicRoute(json: JSONValue(parsing: route.json.serialize())) == route)
        #expect(route.brokers[0].preferredAddress == "1.1.1.1:10911")
    }

    @Test func attributeChanges() throws {
        let change = try AttributeChanges(parsing: " +message.type=FIFO , -reserve.time ")
        #expect(change.set == ["message.type": "FIFO"] && change.removed == ["reserve.time"])
        #expect(try change.applied(to: ["reserve.time": "1"]) == ["message.type": "FIFO"])
        #expect(throws: ModelError.self) { try change.applied(to: [:]) }
        for bad in ["message.type=FIFO", "+=x", "+a", "-a=b", "+a=1,+a=2", "-"] {
            #expect(throws: ModelError.self) { try AttributeChanges(parsing: bad) }
        }
    }
}
