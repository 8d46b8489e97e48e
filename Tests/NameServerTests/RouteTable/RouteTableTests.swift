import MessageModel
import NameServer
import Testing

/// Transcripts of the route table: what brokers say, what clients then see. No sockets, no clock.
@Suite struct RouteTableTests {
    private let version = DataVersion(stateVersion: 0, timestampMillis: 1, counter: 1)

    private func registration(
        _ brokerName: String = "broker-a", id: Int64 = 0, address: String? = nil, topics: [String] = ["T", "U"],
        version: DataVersion? = nil, cluster: String = "C"
    ) -> BrokerRegistration {
        BrokerRegistration(
            cluster: cluster, brokerName: brokerName, address: address ?? "\(brokerName)-\(id):10911", brokerId: id,
            haServerAddress: "\(brokerName)-\(id):10912", dataVersion: version ?? self.version,
            topics: topics.map { TopicConfig(name: $0, readQueueCount: 4, writeQueueCount: 4) })
    }

    @Test func topicsOfARegisteredBrokerHaveARoute() throws {
        var table = RouteTable()
        #expect(table.route(of: "T") == nil)
        #expect(try table.register(registration(), connection: 1, nowMillis: 0) == RegistrationAnswer())
        #expect(try table.register(registration("broker-b"), connection: 2, nowMillis: 0) == RegistrationAnswer())
        let route = try #require(table.route(of: "T"))
        #expect(route.queues.map(\.brokerName) == ["broker-a", "broker-b"])
        #expect(route.brokers.map(\.masterAddress) == ["broker-a-0:10911", "broker-b-0:10911"])
        #expect(route.queues[0].readQueueCount == 4 && route.queues[0].permission == .readWrite)
        #expect(table.topicNames == ["T", "U"])
        #expect(table.clusterView.clusters == ["C": ["broker-a", "broker-b"]])
        #expect(table.topics(ofCluster: "C") == ["T", "U"] && table.topics(ofCluster: "D") == [])
        #expect(table.systemTopics.topics == ["C", "broker-a", "broker-b"])
        #expect(table.systemTopics.brokerAddress == "broker-a-0:10911")
    }

    @Test func aProcessThatChangesItsNameLeavesNothingBehind() throws {
        var table = RouteTable()
        for name in ["broker-a", "broker-b", "broker-c"] {
            _ = try table.register(registration(name, address: "host:10911"), connection: 1, nowMillis: 0)
        }
        #expect(table.clusterView.brokers.keys.sorted() == ["broker-c"])
        #expect(table.clusterView.clusters == ["C": ["broker-c"]])
        #expect(table.route(of: "T")?.queues.map(\.brokerName) == ["broker-c"])
        _ = table.connectionClosed(1)
        #expect(table.clusterView == ClusterView(brokers: [:], clusters: [:]) && table.topicNames == [])
    }

    @Test func mappingsWithoutATopicAreNotKept() throws {
        var table = RouteTable()
        var first = registration()
        first.queueMappings = ["T": ["topic": "T"], "nothing": ["topic": "nothing"]]
        _ = try table.register(first, connection: 1, nowMillis: 0)
        #expect(table.route(of: "T")?.queueMappings != nil)
        let newer = DataVersion(stateVersion: 0, timestampMillis: 2, counter: 2)
        _ = try table.register(registration(topics: ["T", "nothing"], version: newer), connection: 1, nowMillis: 0)
        #expect(table.route(of: "nothing")?.queueMappings == nil)
    }

    @Test func slaveLearnsItsMasterAndBringsNoTopics() throws {
        var table = RouteTable()
        #expect(
            try table.register(registration(id: 1, topics: ["T", "U"]), connection: 1, nowMillis: 0)
                == RegistrationAnswer())
        #expect(table.route(of: "T")?.brokers[0].addresses == [1: "broker-a-1:10911"])
        _ = try table.register(registration(id: 0), connection: 2, nowMillis: 0)
        let answer = try table.register(registration(id: 1, topics: ["T", "X"]), connection: 1, nowMillis: 0)
        #expect(answer.masterAddress == "broker-a-0:10911" && answer.haServerAddress == "broker-a-0:10912")
        #expect(table.route(of: "X") == nil, "a slave beside a master does not register topics")
        #expect(table.members(of: "broker-a") == [0: "broker-a-0:10911", 1: "broker-a-1:10911"])
        table.unregister(BrokerProcess(cluster: "C", address: "broker-a-0:10911"), brokerName: "broker-a")
        #expect(
            try table.register(registration(id: 1), connection: 1, nowMillis: 0) == RegistrationAnswer(),
            "without a live master there is nothing to learn")
    }

    @Test func changesCountOnlyWithANewDataVersion() throws {
        var table = RouteTable()
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        #expect(table.wipeWritePermission(of: "broker-a") == 2)
        #expect(table.route(of: "T")?.queues[0].permission == .read)
        _ = try table.register(registration(), connection: 1, nowMillis: 1)
        #expect(table.route(of: "T")?.queues[0].permission == .read, "same version, wiped permission stays")
        let newer = DataVersion(stateVersion: 0, timestampMillis: 2, counter: 2)
        _ = try table.register(registration(version: newer), connection: 1, nowMillis: 2)
        #expect(table.route(of: "T")?.queues[0].permission == .readWrite)
        #expect(table.wipeWritePermission(of: "nobody") == 0)
        _ = table.wipeWritePermission(of: "broker-a")
        #expect(table.addWritePermission(of: "broker-a") == 2)
        #expect(table.route(of: "U")?.queues[0].permission == .readWrite)
    }

    @Test func oneTopicOfAnUnknownBrokerIsRefused() throws {
        var table = RouteTable()
        let refusal = ServiceError(code: .systemError, message: "register broker failed")
        #expect(throws: refusal) {
            try table.register(registration(topics: ["T"]), connection: 1, nowMillis: 0)
        }
        #expect(table.route(of: "T") == nil && table.clusterView == ClusterView(brokers: [:], clusters: [:]))
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        let newer = DataVersion(stateVersion: 0, timestampMillis: 2, counter: 2)
        _ = try table.register(registration(topics: ["New"], version: newer), connection: 1, nowMillis: 0)
        #expect(table.topicNames == ["New", "T", "U"], "an increment adds, and removes nothing")
        #expect(throws: refusal) {
            try table.register(registration(id: 1, topics: ["T"]), connection: 2, nowMillis: 0)
        }
        #expect(table.members(of: "broker-a") == [0: "broker-a-0:10911"])
    }

    @Test func fullRegistrationCanRemoveTopics() throws {
        var options = RouteTable.Options()
        options.deleteTopicWithBrokerRegistration = true
        var table = RouteTable(options: options)
        _ = try table.register(registration(topics: ["T", "U", "V"]), connection: 1, nowMillis: 0)
        _ = try table.register(registration(topics: ["T", "U"]), connection: 1, nowMillis: 0)
        #expect(table.topicNames == ["T", "U"])
    }

    @Test func closedConnectionTakesItsBrokersAtOnce() throws {
        var table = RouteTable()
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        _ = try table.register(registration("broker-b", topics: ["T", "W"]), connection: 2, nowMillis: 0)
        #expect(table.connectionClosed(9) == [])
        #expect(table.connectionClosed(1) == [BrokerProcess(cluster: "C", address: "broker-a-0:10911")])
        #expect(table.route(of: "T")?.queues.map(\.brokerName) == ["broker-b"])
        #expect(table.route(of: "U") == nil && table.topicNames == ["T", "W"])
        #expect(table.connectionClosed(2).count == 1)
        #expect(table.clusterView == ClusterView(brokers: [:], clusters: [:]) && table.topicNames == [])
    }

    @Test func registrationOverANewConnectionOutlivesTheOldOne() throws {
        var table = RouteTable()
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        _ = try table.register(registration(), connection: 2, nowMillis: 5)
        #expect(table.connectionClosed(1) == [])
        #expect(table.route(of: "T") != nil)
    }

    @Test func silentBrokersExpire() throws {
        var table = RouteTable()
        var quick = registration("broker-b", topics: ["T", "W"])
        quick.heartbeatTimeoutMillis = 10_000
        _ = try table.register(registration(), connection: 1, nowMillis: 1_000)
        _ = try table.register(quick, connection: 2, nowMillis: 1_000)
        #expect(table.expire(nowMillis: 11_000).isEmpty)
        table.heartbeat(BrokerProcess(cluster: "C", address: "broker-b-0:10911"), nowMillis: 11_000)
        #expect(table.expire(nowMillis: 21_000).isEmpty)
        #expect(table.expire(nowMillis: 21_001).map(\.connection) == [2])
        #expect(table.route(of: "W") == nil)
        #expect(table.expire(nowMillis: 121_000).isEmpty)
        #expect(table.expire(nowMillis: 121_001).map(\.process.address) == ["broker-a-0:10911"])
        #expect(table.topicNames == [])
    }

    @Test func dataVersionQueryIsAHeartbeat() throws {
        var table = RouteTable()
        let process = BrokerProcess(cluster: "C", address: "broker-a-0:10911")
        var answer = table.compareDataVersion(of: process, with: version, nowMillis: 0)
        #expect(answer.changed && answer.known == nil)
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        answer = table.compareDataVersion(of: process, with: version, nowMillis: 100_000)
        #expect(!answer.changed && answer.known == version)
        answer = table.compareDataVersion(of: process, with: DataVersion(counter: 9), nowMillis: 100_000)
        #expect(answer.changed && answer.known == version)
        #expect(table.expire(nowMillis: 220_000).isEmpty)
    }

    @Test func roleSwitchLeavesNoSecondId() throws {
        var table = RouteTable()
        _ = try table.register(registration(id: 1, address: "x:1"), connection: 1, nowMillis: 0)
        _ = try table.register(registration(id: 0, address: "x:1"), connection: 1, nowMillis: 0)
        #expect(table.members(of: "broker-a") == [0: "x:1"])
    }

    @Test func deposedMasterIsIgnored() throws {
        var table = RouteTable()
        let new = DataVersion(stateVersion: 2, timestampMillis: 1, counter: 1)
        _ = try table.register(registration(address: "new:1", version: new), connection: 1, nowMillis: 0)
        _ = try table.register(registration(address: "old:1"), connection: 2, nowMillis: 0)
        #expect(table.members(of: "broker-a") == [0: "new:1"])
        #expect(table.connectionClosed(2) == [])
    }

    @Test func actingMasterTakesOver() throws {
        var options = RouteTable.Options()
        options.supportActingMaster = true
        var table = RouteTable(options: options)
        for id: Int64 in [0, 1, 2] {
            var broker = registration(id: id)
            broker.enableActingMaster = true
            _ = try table.register(broker, connection: UInt64(id), nowMillis: 0)
        }
        #expect(table.route(of: "T")?.queues[0].permission == .readWrite)
        _ = table.connectionClosed(0)
        let route = try #require(table.route(of: "T"))
        #expect(route.queues[0].permission == .read)
        #expect(route.brokers[0].addresses == [0: "broker-a-1:10911", 2: "broker-a-2:10911"])
        var deputy = registration(id: 1, version: DataVersion(counter: 7))
        deputy.enableActingMaster = true
        _ = try table.register(deputy, connection: 1, nowMillis: 0)
        #expect(table.route(of: "T")?.queues[0].permission == .read)
    }

    @Test func topicsAreRegisteredAndDeletedSingly() throws {
        var table = RouteTable()
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        _ = try table.register(registration("broker-b", cluster: "D"), connection: 2, nowMillis: 0)
        let queue = QueueRoute(brokerName: "broker-a", readQueueCount: 1, writeQueueCount: 1, permission: .readWrite)
        let unknown = QueueRoute(brokerName: "nobody", readQueueCount: 1, writeQueueCount: 1, permission: .readWrite)
        try table.registerTopic("New", queues: [queue, unknown])
        #expect(table.route(of: "New")?.queues == [queue])
        table.deleteTopic("T", cluster: "C")
        #expect(table.route(of: "T")?.queues.map(\.brokerName) == ["broker-b"])
        table.deleteTopic("T", cluster: nil)
        #expect(table.route(of: "T") == nil)
        table.deleteTopic("absent", cluster: nil)
    }

    @Test func unitTopicsAreToldByTheirFlag() throws {
        var table = RouteTable()
        var broker = registration(topics: [])
        broker.topics = [
            TopicConfig(name: "plain"), TopicConfig(name: "unit", sysFlag: 1), TopicConfig(name: "sub", sysFlag: 2),
            TopicConfig(name: "both", sysFlag: 3),
        ]
        _ = try table.register(broker, connection: 1, nowMillis: 0)
        #expect(table.topics { $0 & RouteTable.UnitFlag.unit != 0 } == ["both", "unit"])
        #expect(table.topics { $0 & 3 == RouteTable.UnitFlag.unitSubscription } == ["sub"])
    }

    @Test func fullTablesRefuseWithARetryableCode() throws {
        var limits = RouteTable.Limits()
        limits.brokerProcessesMax = 1
        limits.topicQueuesMax = 3
        var table = RouteTable(limits: limits)
        _ = try table.register(registration(), connection: 1, nowMillis: 0)
        #expect { try table.register(registration("broker-b"), connection: 2, nowMillis: 0) } throws: { error in
            (error as? ServiceError)?.code == .systemBusy
        }
        let more = registration(topics: ["T", "U", "V", "W"], version: DataVersion(counter: 5))
        #expect { try table.register(more, connection: 1, nowMillis: 0) } throws: { error in
            (error as? ServiceError)?.code == .systemBusy
        }
        table.deleteTopic("V", cluster: nil)
        let queue = QueueRoute(brokerName: "broker-a", readQueueCount: 1, writeQueueCount: 1, permission: .readWrite)
        try table.registerTopic("X", queues: [queue])
        #expect { try table.registerTopic("Y", queues: [queue]) } throws: { error in
            (error as? ServiceError)?.code == .systemBusy
        }
    }

    @Test func keyValuesSurviveTheirFile() throws {
        var table = SettingsTable()
        try table.put(namespace: SettingsTable.orderTopicNamespace, key: "T", value: "broker-a:4")
        try table.put(namespace: "N", key: "k", value: "v v")
        table.delete(namespace: "N", key: "k")
        table.delete(namespace: "none", key: "k")
        #expect(table.values(in: "N") == [:] && table.values(in: "none") == nil)
        #expect(table.json.serializedText == #"{"configTable":{"N":{},"ORDER_TOPIC_CONFIG":{"T":"broker-a:4"}}}"#)
        #expect(try SettingsTable(json: table.json) == table)
        #expect(throws: ModelError.self) { try SettingsTable(json: ["configTable": ["N": ["k": []]]]) }
        #expect(throws: ServiceError.self) {
            try table.put(namespace: "N", key: "k", value: String(repeating: "x", count: SettingsTable.entryBytesMax))
        }
    }
}
