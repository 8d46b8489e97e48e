import AdminClient
import MessageModel

/// What a command prints: lines as Apache's tool prints them, or JSON.
struct CommandOutput: Sendable {
    var lines: [String]
    var json: JSONValue
}

/// One command of the tool.
struct Command: Sendable {
    let name: String
    let summary: String
    let options: [CommandOption]
    /// Whether it works without a name server for these options.
    var worksWithoutNameServer: @Sendable (GivenOptions) -> Bool = { _ in false }
    let run: @Sendable (GivenOptions, AdminClient) async throws -> CommandOutput

    static let all: [Command] = [
        .updateTopic, .deleteTopic, .topicList, .topicRoute, .topicStatus, .updateSubGroup, .clusterList,
        .consumerProgress, .topicClusterList, .allocateMQ, .statsAll, .getBrokerConfig, .updateBrokerConfig,
        .brokerStatus, .brokerConsumeStats, .cleanExpiredCQ, .cleanUnusedTopic, .deleteExpiredCommitLog,
        .deleteSubGroup, .getConsumerConfig, .cloneGroupOffset, .consumerConnection, .producerConnection,
        .consumerStatus, .queryMsgById, .queryMsgByKey, .queryMsgByUniqueKey, .queryMsgByOffset, .sendMessage,
        .updateKvConfig, .deleteKvConfig, .updateOrderConf, .wipeWritePerm, .addWritePerm, .getNamesrvConfig,
        .updateNamesrvConfig, .resetOffsetByTime, .skipAccumulatedMessage, .setConsumeMode, .updateTopicPerm,
        .updateTopicList, .updateSubGroupList, .printMsg, .consumeMessage, .queryCq, .producer, .checkMsgSendRT,
        .clusterRT, .haStatus, .getBrokerLiteInfo, .getParentTopicInfo, .getLiteTopicInfo, .getLiteClientInfo,
        .getLiteGroupInfo, .triggerLiteDispatch, .sendMsgStatus, .printMsgByQueue, .consumer, .getConsumerStatus,
        .queryMsgTraceById, .decodeMessageId, .exportConfigs, .exportMetadata, .exportMetrics, .exportPopRecord,
        .setCommitLogReadAheadMode,
    ]

    /// Commands of Apache's tool that this one does not have, with the reason or what to use instead.
    static let leftOut: [String: String] = {
        var reasons = [
            "startMonitoring":
                "it watches consumers and reports nothing but to the log of its own process; ask consumerProgress --json "
                + "and consumerConnection --json at intervals instead",
            "dumpCompactionLog": "compaction topics are not supported",
        ]
        let features = [
            ("static topics are not supported", ["updateStaticTopic", "remappingStaticTopic"]),
            ("a process is one broker, not a container of several", ["addBroker", "removeBroker"]),
            (
                "there is no controller",
                [
                    "resetMasterFlushOffset", "getSyncStateSet", "getBrokerEpoch", "getControllerMetaData",
                    "getControllerConfig", "updateControllerConfig", "electMaster", "cleanBrokerMetadata",
                ]
            ),
            (
                "cold data is not treated apart",
                [
                    "updateColdDataFlowCtrGroupConfig", "removeColdDataFlowCtrGroupConfig", "getColdDataFlowCtrInfo",
                ]
            ),
            (
                "there is no access control yet",
                [
                    "createUser", "updateUser", "deleteUser", "getUser", "listUser", "copyUser", "createAcl",
                    "updateAcl", "deleteAcl", "getAcl", "listAcl", "copyAcl",
                ]
            ),
            (
                "queues and settings are not kept in RocksDB",
                [
                    "rocksDBConfigToJson", "exportMetadataInRocksDB", "checkRocksdbCqWriteProgress",
                    "switchTimerEngine",
                ]
            ),
        ]
        for (reason, names) in features {
            for name in names { reasons[name] = reason }
        }
        return reasons
    }()

    var allOptions: [CommandOption] { options + CommandOption.common }

    /// The help of one command.
    var help: String {
        let usage = allOptions.map { option in
            let text = (option.short.map { "-\($0)" } ?? "--\(option.long)") + (option.takesValue ? " <arg>" : "")
            return option.isRequired ? text : "[\(text)]"
        }
        let width = (allOptions.map(\.syntax.count).max() ?? 0) + 3
        let lines = allOptions.map { " \($0.syntax.padded(width))\($0.help)" }
        return "usage: mqadmin \(name) \(usage.joined(separator: " "))\n" + lines.joined(separator: "\n")
    }

    /// The list of commands.
    static var overview: String {
        let lines = all.map { "   \($0.name.padded(24))\($0.summary)" }
        return "The most commonly used mqadmin commands are:\n\(lines.joined(separator: "\n"))\n\n"
            + "See 'mqadmin help <command>' for more information on a specific command."
    }

    /// The broker or cluster that `-b` and `-c` name.
    static func target(_ options: GivenOptions, clusterOption: String = "clusterName") throws -> BrokerTarget {
        if options.isGiven("brokerAddr") {
            let address = try options.required("brokerAddr")
            guard HostPort(parsing: address) != nil else {
                throw UsageError(description: "--brokerAddr must be host:port, not \(address)")
            }
            return .broker(address)
        }
        guard options.isGiven(clusterOption) else {
            throw UsageError(description: "one of --brokerAddr and --\(clusterOption) is required")
        }
        return .cluster(try options.required(clusterOption))
    }

    static let targetOptions = [
        CommandOption("b", "brokerAddr", "create on which broker, host:port"),
        CommandOption("c", "clusterName", "create on all masters of which cluster"),
    ]
}
