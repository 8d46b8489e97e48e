import AdminClient
import MessageModel

extension Command {
    private static let cluster = CommandOption("c", "clusterName", "choose a cluster to export", isRequired: true)

    private static func folder(_ file: String) -> CommandOption {
        CommandOption("f", "filePath", "export \(file) path | default \(defaultFolder)")
    }

    private static let defaultFolder = "/tmp/rocketmq/export"

    /// Writes an export into a file of the folder that the options name.
    private static func export(
        _ value: JSONValue, as file: String, _ options: GivenOptions
    ) throws -> CommandOutput {
        let path = "\(options.string("filePath") ?? defaultFolder)/\(file)"
        try TextFile.write(value.serialize(pretty: true), to: path)
        return CommandOutput(lines: ["export \(path) success"], json: ["path": .string(path)])
    }

    static let exportConfigs = Command(
        name: "exportConfigs", summary: "Export configs.", options: [cluster, folder("configs.json")],
        run: { options, admin in
            try export(
                try await admin.configExport(cluster: try options.required("clusterName")), as: "configs.json", options)
        })

    static let exportMetrics = Command(
        name: "exportMetrics", summary: "Export metrics.", options: [cluster, folder("metrics.json")],
        run: { options, admin in
            try export(
                try await admin.metricsExport(cluster: try options.required("clusterName")), as: "metrics.json", options
            )
        })

    static let exportMetadata = Command(
        name: "exportMetadata", summary: "Export metadata.",
        options: [
            CommandOption("c", "clusterName", "choose a cluster to export"),
            CommandOption("b", "brokerAddr", "choose a broker to export"), folder("metadata.json"),
            CommandOption("t", "topic", "only export topic metadata", takesValue: false),
            CommandOption("g", "subscriptionGroup", "only export subscriptionGroup metadata", takesValue: false),
            CommandOption("s", "specialTopic", "need retryTopic and dlqTopic", takesValue: false),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let (topics, groups) = (options.isGiven("topic"), options.isGiven("subscriptionGroup"))
            guard !topics || !groups else {
                throw UsageError(
                    description: "--topic and --subscriptionGroup exclude each other; without them both are exported")
            }
            let selection = MetadataSelection(
                hasTopics: !groups, hasGroups: !topics, hasSpecialTopics: options.isGiven("specialTopic"))
            let value = try await admin.metadataExport(
                of: try target(options), selection, nowMillis: LocalTime.nowMillis)
            let file = topics ? "topic.json" : groups ? "subscriptionGroup.json" : "metadata.json"
            return try export(value, as: file, options)
        })

    static let exportPopRecord = Command(
        name: "exportPopRecord", summary: "Export pop consumer record",
        options: [
            CommandOption("c", "clusterName", "choose one cluster to export"),
            CommandOption("b", "brokerAddr", "choose one broker to export"),
            CommandOption("d", "dryRun", "no actual changes will be made (true|false), false by default"),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let isDryRun = try options.bool("dryRun", default: false)
            let brokers = try await admin.movePopRecords(on: try target(options), isDryRun: isDryRun)
            return CommandOutput(
                lines: brokers.map {
                    "Export broker records, brokerName=\($0.value), brokerAddr=\($0.broker), dryRun=\(isDryRun)"
                },
                json: .array(
                    brokers.map {
                        ["brokerName": .string($0.value), "brokerAddr": .string($0.broker), "dryRun": .bool(isDryRun)]
                    }))
        })
}
