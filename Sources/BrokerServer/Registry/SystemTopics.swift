import MessageModel

/// The topics and groups that a broker has from its start.
enum SystemTopics {
    static func topics(_ settings: TopicRegistry.Settings) -> [TopicConfig] {
        func topic(_ name: String, _ queueCount: Int32, _ permission: TopicPermission = .readWrite) -> TopicConfig {
            TopicConfig(
                name: name, readQueueCount: queueCount, writeQueueCount: queueCount, permission: permission)
        }
        let open: TopicPermission = [.readWrite, .inherit]
        var topics = [topic("SELF_TEST_TOPIC", 1)]
        if settings.autoCreateTopicEnable {
            topics.append(topic(NameRules.autoCreateTopic, settings.defaultTopicQueueCount, open))
        }
        topics += [
            topic("BenchmarkTest", 1_024),
            topic(settings.clusterName, 16, settings.clusterTopicEnable ? open : .inherit),
            topic(settings.brokerName, 1, settings.brokerTopicEnable ? open : .inherit),
            topic("OFFSET_MOVED_EVENT", 1),
            topic(NameRules.scheduleTopic, 18),
        ]
        if settings.traceTopicEnable { topics.append(topic(settings.traceTopic, 1)) }
        topics += [
            topic(NameRules.replyTopic(cluster: settings.clusterName), 1),
            topic("rmq_sys_REVIVE_LOG_\(settings.clusterName)", settings.reviveQueueCount),
            topic("rmq_sys_SYNC_BROKER_MEMBER_\(settings.brokerName)", 1, .inherit),
            topic(NameRules.halfTopic, 1),
            topic(NameRules.opHalfTopic, 1),
        ]
        if settings.timerWheelEnable { topics.append(topic(NameRules.timerTopic, 1)) }
        return topics
    }

    static let groups: [String] = [
        "TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY", "CID_ONSAPI_PULL",
        "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER", "CID_RMQ_SYS_TRANS",
    ]
}
