import MessageModel
import RemotingCodec

extension AdminClient {
    /// Figures of a cluster's masters and their sums, under Apache's names. "One day" is yesterday for normal messages, and
    /// the last 24 hours for delayed ones and those of transactions.
    package func metricsExport(cluster: String) async throws(AdminError) -> JSONValue {
        var reports = JSONObject()
        var sum = BrokerTraffic()
        for master in try masters(ofCluster: cluster, in: try await clusterInfo()) {
            let runtime = try Self.decode(
                KVTable.self, try await callBroker(master.address, .getBrokerRuntimeInfo)
            ).table
            let config = try Self.properties(try await callBroker(master.address, .getBrokerConfig))
            let groups = try await userGroups(of: master.address).groups.keys.sorted()
            let topicCount = try await userTopics(of: master.address, hasSpecial: false).topics.count
            let traffic = BrokerTraffic(
                runtime: runtime, halves: try await stats("TOPIC_PUT_NUMS", NameRules.halfTopic, at: master.address),
                delayed: try await stats("TOPIC_PUT_NUMS", NameRules.scheduleTopic, at: master.address))
            sum.add(traffic)
            func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
            reports.append(
                master.name,
                [
                    "runtimeEnv": [
                        "cpuNum": text(config["clientCallbackExecutorThreads"] ?? config["serverSelectorThreads"]),
                        "totalMemKBytes": text(runtime["totalMemKBytes"]),
                    ],
                    "runtimeQuota": [
                        "diskRatio": [
                            "commitLogDiskRatio": text(runtime["commitLogDiskRatio"]),
                            "consumeQueueDiskRatio": text(runtime["consumeQueueDiskRatio"]),
                        ],
                        "groupSize": .integer(Int64(groups.count)),
                        "messageAverageSize": text(runtime["putMessageAverageSize"]),
                        "oneDayNum": traffic.ofDay, "topicSize": .integer(Int64(topicCount)), "tps": traffic.perSecond,
                    ],
                    "runtimeVersion": [
                        "clientInfo": .array(
                            try await clientVersions(of: groups, broker: master.address).map { .string($0) }),
                        "rocketmqVersion": text(runtime["brokerVersionDesc"]),
                    ],
                ])
        }
        return [
            "evaluateReport": .object(reports),
            "totalData": ["totalOneDayNum": sum.ofDay, "totalTps": sum.totalPerSecond],
        ]
    }

    /// `JAVA%V5_3_3` and the like of all connected consumers.
    private func clientVersions(of groups: [String], broker: String) async throws(AdminError) -> [String] {
        var versions: Set<String> = []
        for group in groups {
            let found = try await connections(ofGroup: group, broker: broker)
            for client in found?.connections ?? [] {
                versions.insert("\(client.language.name)%\(ProtocolVersion.name(of: client.version))")
            }
        }
        return versions.sorted()
    }
}

/// What goes through a broker, or through several.
private struct BrokerTraffic {
    private var normalInPerSecond = 0.0
    private var normalOutPerSecond = 0.0
    private var halvesPerSecond = 0.0
    private var delayedPerSecond = 0.0
    private var normalInOfDay: Int64 = 0
    private var normalOutOfDay: Int64 = 0
    private var halvesOfDay: Int64 = 0
    private var delayedOfDay: Int64 = 0

    init() {}

    init(runtime: [String: String], halves: BrokerStatsData?, delayed: BrokerStatsData?) {
        // Three rates: of 10 s, a minute and ten minutes.
        func rate(_ key: String) -> Double { runtime[key]?.split(separator: " ").first.flatMap { Double($0) } ?? 0 }
        func yesterday(_ kind: String) -> Int64 {
            func total(_ day: String) -> Int64 {
                runtime["msg\(kind)Total\(day)Morning"].flatMap { Int64($0) } ?? 0
            }
            return total("Today") &- total("Yesterday")
        }
        normalInPerSecond = rate("putTps")
        normalOutPerSecond = rate("getTransferredTps")
        halvesPerSecond = halves?.minute.perSecond ?? 0
        delayedPerSecond = delayed?.minute.perSecond ?? 0
        normalInOfDay = yesterday("Put")
        normalOutOfDay = yesterday("Get")
        halvesOfDay = halves?.day.sum ?? 0
        delayedOfDay = delayed?.day.sum ?? 0
    }

    mutating func add(_ other: BrokerTraffic) {
        normalInPerSecond += other.normalInPerSecond
        normalOutPerSecond += other.normalOutPerSecond
        halvesPerSecond += other.halvesPerSecond
        delayedPerSecond += other.delayedPerSecond
        normalInOfDay &+= other.normalInOfDay
        normalOutOfDay &+= other.normalOutOfDay
        halvesOfDay &+= other.halvesOfDay
        delayedOfDay &+= other.delayedOfDay
    }

    var perSecond: JSONValue {
        [
            "normalInTps": .double(normalInPerSecond), "normalOutTps": .double(normalOutPerSecond),
            "scheduleInTps": .double(delayedPerSecond), "transInTps": .double(halvesPerSecond),
        ]
    }

    var totalPerSecond: JSONValue {
        [
            "totalNormalInTps": .double(normalInPerSecond), "totalNormalOutTps": .double(normalOutPerSecond),
            "totalScheduleInTps": .double(delayedPerSecond), "totalTransInTps": .double(halvesPerSecond),
        ]
    }

    var ofDay: JSONValue {
        [
            "normalOneDayInNum": .integer(normalInOfDay), "normalOneDayOutNum": .integer(normalOutOfDay),
            "scheduleOneDayInNum": .integer(delayedOfDay), "transOneDayInNum": .integer(halvesOfDay),
        ]
    }
}
