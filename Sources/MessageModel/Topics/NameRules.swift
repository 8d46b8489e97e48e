/// Which names topics and groups may have, and how names are derived from others.
package enum NameRules {
    package static let topicLengthMax = 127
    package static let groupLengthMax = 120
    package static let derivedTopicLengthMax = 255
    package static let retryPrefix = "%RETRY%"
    package static let dlqPrefix = "%DLQ%"
    package static let lmqPrefix = "%LMQ%"
    package static let systemGroupPrefix = "CID_RMQ_SYS_"
    package static let systemTopicPrefix = "rmq_sys_"
    package static let namespaceSeparator: Character = "%"
    /// The topic that auto-creation copies.
    package static let autoCreateTopic = "TBW102"
    package static let scheduleTopic = "SCHEDULE_TOPIC_XXXX"
    package static let halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"
    package static let opHalfTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
    package static let timerTopic = "rmq_sys_wheel_timer"
    package static let traceTopic = "RMQ_SYS_TRACE_TOPIC"

    private static let systemTopics: Set<String> = [
        "TBW102", "SCHEDULE_TOPIC_XXXX", "BenchmarkTest", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRACE_TOPIC",
        "RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT",
        "CHECKPOINT_TOPIC",
    ]

    private static let closedToSend: Set<String> = [
        "SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC",
        "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT",
    ]

    /// Checks a topic name: characters and length. System topics pass; ask `isSystemTopic` besides.
    package static func checkTopic(_ name: String) throws(NameError) {
        let limit = isRetryTopic(name) || isDLQTopic(name) ? derivedTopicLengthMax : topicLengthMax
        try check(name, what: "topic", limit: limit)
    }

    /// Checks a group name: characters and length. System groups pass; ask `isSystemGroup` besides.
    package static func checkGroup(_ name: String) throws(NameError) {
        try check(name, what: "group", limit: groupLengthMax)
    }

    private static func check(_ name: String, what: String, limit: Int) throws(NameError) {
        guard name.utf8.contains(where: { $0 > 0x20 }) else {
            throw NameError(.blankName, "The specified \(what) is blank.")
        }
        guard name.utf8.count <= limit else {
            throw NameError(.nameTooLong, "The specified \(what) is longer than \(limit) characters.")
        }
        guard name.utf8.allSatisfy(isAllowed) else {
            throw NameError(
                .illegalCharacter,
                "The specified \(what)[\(name)] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
        }
    }

    private static func isAllowed(_ unit: UInt8) -> Bool {
        switch unit {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "%"),
            UInt8(ascii: "|"):
            true
        default: false
        }
    }

    /// Whether the topic belongs to the system: nobody creates, deletes or (through the proxy) uses it.
    package static func isSystemTopic(_ name: String) -> Bool {
        name.hasPrefix(systemTopicPrefix) || systemTopics.contains(name)
    }

    /// Whether a broker refuses sends to it.
    package static func isClosedToSend(_ name: String) -> Bool { closedToSend.contains(name) }

    /// Whether the group belongs to the system.
    package static func isSystemGroup(_ name: String) -> Bool { name.hasPrefix(systemGroupPrefix) }

    /// Whether it is a retry topic, of a group or of a pop consumer.
    package static func isRetryTopic(_ name: String) -> Bool { name.hasPrefix(retryPrefix) }

    /// Whether it is a dead-letter topic.
    package static func isDLQTopic(_ name: String) -> Bool { name.hasPrefix(dlqPrefix) }

    /// Whether nobody but the broker puts messages into it: a system topic, or one of retries or dead letters.
    package static func isInternalTopic(_ name: String) -> Bool {
        isRetryTopic(name) || isDLQTopic(name) || isSystemTopic(name)
    }

    /// The retry topic of a group.
    package static func retryTopic(_ group: String) -> String { retryPrefix + group }

    /// The dead-letter topic of a group.
    package static func dlqTopic(_ group: String) -> String { dlqPrefix + group }

    /// The topic where pop consumers find messages again, older form: `%RETRY%group_topic`.
    package static func popRetryTopicV1(topic: String, group: String) -> String { "\(retryPrefix)\(group)_\(topic)" }

    /// The topic where pop consumers find messages again, newer form: `%RETRY%group+topic`.
    package static func popRetryTopicV2(topic: String, group: String) -> String { "\(retryPrefix)\(group)+\(topic)" }

    /// The topic for replies in a cluster.
    package static func replyTopic(cluster: String) -> String { cluster + "_REPLY_TOPIC" }

    /// Splits `ns%name` into namespace and name, retry and DLQ prefixes kept in front of the name.
    package static func splitNamespace(_ name: String) -> (namespace: String, name: String) {
        var prefix = ""
        var rest = name[...]
        for candidate in [retryPrefix, dlqPrefix] where rest.hasPrefix(candidate) {
            prefix += candidate
            rest = rest.dropFirst(candidate.count)
        }
        guard let separator = rest.firstIndex(of: namespaceSeparator), separator != rest.startIndex else {
            return ("", name)
        }
        let local = rest[rest.index(after: separator)...]
        guard !local.isEmpty else { return ("", name) }
        return (String(rest[..<separator]), prefix + local)
    }
}
