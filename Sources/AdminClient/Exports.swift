import MessageModel
import RemotingCodec

/// What of the topics and groups of brokers an export takes.
package struct MetadataSelection: Sendable, Hashable {
    /// Whether topics are wanted.
    package var hasTopics: Bool
    /// Whether groups are wanted.
    package var hasGroups: Bool
    /// Whether retry and dead-letter topics are wanted, too.
    package var hasSpecialTopics: Bool

    /// What is wanted.
    package init(hasTopics: Bool, hasGroups: Bool, hasSpecialTopics: Bool) {
        self.hasTopics = hasTopics
        self.hasGroups = hasGroups
        self.hasSpecialTopics = hasSpecialTopics
    }
}

extension AdminClient {
    /// The settings of a cluster's masters that tell deployments apart, and how large it is.
    package func configExport(cluster: String) async throws(AdminError) -> JSONValue {
        let info = try await clusterInfo()
        var configs: [String: JSONValue] = [:]
        for master in try masters(ofCluster: cluster, in: info) {
            let config = try Self.properties(try await callBroker(master.address, .getBrokerConfig))
            configs[config["brokerName"] ?? master.name] = .object(
                JSONObject(sorted: config.filter { Self.exportedKeys.contains($0.key) }) { .string($0) })
        }
        let slaveCount = try brokers(ofCluster: cluster, in: info).reduce(0) {
            $0 + $1.addresses.count { $0.key != 0 }
        }
        return [
            "brokerConfigs": .object(JSONObject(sorted: configs) { $0 }),
            "clusterScale": [
                "masterBrokerSize": .integer(Int64(configs.count)),
                "namesrvSize": .integer(Int64(nameServers.count)), "slaveBrokerSize": .integer(Int64(slaveCount)),
            ],
        ]
    }

    private static let exportedKeys: Set<String> = [
        "brokerClusterName", "brokerId", "brokerName", "brokerRole", "fileReservedTime", "filterServerNums",
        "flushDiskType", "maxMessageSize", "messageDelayLevel", "msgTraceTopicName", "slaveReadEnable", "traceOn",
        "traceTopicEnable", "useTLS", "autoCreateTopicEnable", "autoCreateSubscriptionGroup",
    ]

    /// The users' topics and groups of one broker, either with its version when it is asked for alone, or of a whole
    /// cluster with the queues of all its masters together.
    package func metadataExport(
        of target: BrokerTarget, _ selection: MetadataSelection, nowMillis: Int64
    ) async throws(AdminError) -> JSONValue {
        var topics: [String: TopicConfig] = [:]
        var groups: [String: SubscriptionGroupConfig] = [:]
        let ofOneBroker = if case .broker = target { selection.hasTopics != selection.hasGroups } else { false }
        for address in try await targets(target) {
            if selection.hasTopics {
                let table = try await userTopics(of: address, hasSpecial: selection.hasSpecialTopics)
                if ofOneBroker { return table.json }
                topics.merge(table.topics) { $1.adding(queuesOf: $0) }
            }
            if selection.hasGroups {
                let table = try await userGroups(of: address)
                if ofOneBroker { return table.json }
                groups.merge(table.groups) { sum, group in
                    var group = group
                    group.retryQueueCount &+= sum.retryQueueCount
                    return group
                }
            }
        }
        var export = JSONObject()
        export.append("exportTime", .integer(nowMillis))
        if selection.hasGroups {
            export.append("subscriptionGroupTable", .object(JSONObject(sorted: groups) { $0.json }))
        }
        if selection.hasTopics { export.append("topicConfigTable", .object(JSONObject(sorted: topics) { $0.json })) }
        return .object(export)
    }

    /// A broker's topics but its own.
    func userTopics(of address: String, hasSpecial: Bool) async throws(AdminError) -> TopicConfigTable {
        var table = try Self.decode(TopicConfigTable.self, try await callBroker(address, .getAllTopicConfig))
        let own = Set(
            try Self.decode(TopicList.self, try await callBroker(address, .getSystemTopicListFromBroker)).topics)
        table.topics = table.topics.filter { name, _ in
            !own.contains(name) && !NameRules.isSystemTopic(name)
                && (hasSpecial || !NameRules.isRetryTopic(name) && !NameRules.isDLQTopic(name))
        }
        return table
    }

    /// A broker's groups but its own and those of tools.
    func userGroups(of address: String) async throws(AdminError) -> SubscriptionGroupTable {
        var table = try Self.decode(
            SubscriptionGroupTable.self, try await callBroker(address, .getAllSubscriptiongroupConfig))
        table.groups = table.groups.filter { name, _ in
            !NameRules.isSystemGroup(name) && !Self.predefinedGroups.contains(name)
        }
        return table
    }

    /// Groups that every broker of Apache's has from the start.
    private static let predefinedGroups: Set<String> = [
        "DEFAULT_CONSUMER", "DEFAULT_PRODUCER", toolsGroup, "SCHEDULE_CONSUMER", "FILTERSRV_CONSUMER",
        "__MONITOR_CONSUMER", "CLIENT_INNER_PRODUCER", "SELF_TEST_P_GROUP", "SELF_TEST_C_GROUP",
        "CID_ONS-HTTP-PROXY", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER", "CID_ONSAPI_PULL",
    ]

    /// Tells brokers to move what pop consumers hold from RocksDB into the log's own queues; the brokers' names by address.
    /// A dry run only looks for the brokers.
    package func movePopRecords(
        on target: BrokerTarget, isDryRun: Bool
    ) async throws(AdminError) -> [BrokerAnswer<String>] {
        var answers: [BrokerAnswer<String>] = []
        for address in try await targets(target) {
            let config = try Self.properties(try await callBroker(address, .getBrokerConfig))
            if !isDryRun { _ = try await callBroker(address, .popRollback, isRelayed: true) }
            answers.append(BrokerAnswer(broker: address, value: config["brokerName"] ?? ""))
        }
        return answers
    }
}

extension TopicConfig {
    /// The topic with the queues of two brokers.
    fileprivate func adding(queuesOf other: TopicConfig) -> TopicConfig {
        var sum = self
        sum.readQueueCount &+= other.readQueueCount
        sum.writeQueueCount &+= other.writeQueueCount
        return sum
    }
}
