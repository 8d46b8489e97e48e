import AdminClient
import MessageModel

extension Command {
    private static let broker = CommandOption("b", "brokerAddr", "which broker, host:port")
    private static let brokers = [broker, CommandOption("c", "clusterName", "all masters of which cluster")]

    static let getBrokerConfig = Command(
        name: "getBrokerConfig", summary: "Get broker config by cluster or special broker.", options: brokers,
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in tables(try await admin.brokerConfig(of: try target(options)), separator: "= ") })

    static let brokerStatus = Command(
        name: "brokerStatus", summary: "Fetch broker runtime status data.", options: brokers,
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in tables(try await admin.brokerStatus(of: try target(options)), separator: ":") })

    static let updateBrokerConfig = Command(
        name: "updateBrokerConfig", summary: "Update broker's config.",
        options: brokers + [
            CommandOption("a", "updateAllBroker", "update all brokers include slave (true|false), false by default"),
            CommandOption("k", "key", "config key", isRequired: true),
            CommandOption("v", "value", "config value", isRequired: true),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            var brokers = try target(options)
            let isForAll = try options.bool("updateAllBroker", default: false)
            if case .cluster(let name) = brokers, isForAll { brokers = .wholeCluster(name) }
            let answers = try await admin.updateBrokerConfig(
                key: try options.required("key"), value: options.string("value") ?? "", on: brokers)
            return CommandOutput(
                lines: answers.map { answer in
                    "update broker config success, \(answer.broker)" + (answer.value.map { " (\($0))" } ?? "")
                },
                json: json(answers))
        })

    private static func json(_ answers: [BrokerAnswer<String?>]) -> JSONValue {
        .array(answers.map { ["broker": .string($0.broker), "remark": $0.value.map { .string($0) } ?? .null] })
    }

    static let setCommitLogReadAheadMode = Command(
        name: "setCommitLogReadAheadMode", summary: "Set read ahead mode for all commitlog files.",
        options: brokers + [
            CommandOption(
                "m", "commitLogReadAheadMode", "set the CommitLog read ahead mode; 0 is default, 1 random read",
                isRequired: true)
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let answers = try await admin.setCommitLogReadAhead(
                mode: try options.int32("commitLogReadAheadMode", default: 0, in: 0...1), on: try target(options))
            return CommandOutput(
                lines: answers.flatMap {
                    [
                        "============\($0.broker)============",
                        "commitLog set readAhead mode rstStr\($0.value ?? "null")",
                    ]
                },
                json: json(answers))
        })

    static let cleanExpiredCQ = cleaning(
        "cleanExpiredCQ", "Clean expired ConsumeQueue on broker.", .cleanExpiredConsumequeue)
    static let cleanUnusedTopic = cleaning(
        "cleanUnusedTopic", "Clean unused topic on broker.", .cleanUnusedTopic)
    static let deleteExpiredCommitLog = cleaning(
        "deleteExpiredCommitLog", "Delete expired CommitLog files.", .deleteExpiredCommitlog)

    private static func cleaning(_ name: String, _ summary: String, _ code: RequestCode) -> Command {
        Command(
            name: name, summary: summary,
            options: [broker, CommandOption("c", "cluster", "all masters of which cluster")],
            worksWithoutNameServer: { $0.isGiven("brokerAddr") },
            run: { options, admin in
                let done = try await admin.order(code, on: try target(options, clusterOption: "cluster"))
                return CommandOutput(
                    lines: done.map { "\($0) success" }, json: ["brokers": .array(done.map { .string($0) })])
            })
    }

    static let brokerConsumeStats = Command(
        name: "brokerConsumeStats", summary: "Fetch broker consume stats data.",
        options: [
            CommandOption("b", "brokerAddr", "Broker address", isRequired: true),
            CommandOption("o", "order", "order topic (true|false)"),
            CommandOption("l", "level", "threshold of print diff"),
            CommandOption("t", "timeoutMillis", "request timeout Millis, 50000 by default"),
        ],
        worksWithoutNameServer: { _ in true },
        run: { options, admin in
            let patience = try options.int32("timeoutMillis", default: 50_000, in: 1...3_600_000)
            let list = try await admin.waiting(millis: Int64(patience)).brokerConsumeStats(
                of: try options.required("brokerAddr"), isOrdered: try options.bool("order", default: false))
            let level = Int64(try options.int32("level", default: 0, in: 0...Int32.max))
            func line(_ columns: [String]) -> String {
                zip(columns, [64, 64, 32, 4, 20, 20, 20, 0]).map { $0.padded($1) }.joined(separator: "  ")
            }
            var lines = [
                line([
                    "#Topic", "#Group", "#Broker Name", "#QID", "#Broker Offset", "#Consumer Offset", "#Diff",
                    "#LastTime",
                ])
            ]
            for group in list.groups {
                let queues = group.topics.flatMap { Array($0.offsets) }.sorted { left, right in
                    (left.key.topic, left.key.queueId) < (right.key.topic, right.key.queueId)
                }
                for (queue, offset) in queues where offset.brokerOffset - offset.consumerOffset >= level {
                    lines.append(
                        line([
                            queue.topic, group.name, queue.brokerName, "\(queue.queueId)", "\(offset.brokerOffset)",
                            "\(offset.consumerOffset)", "\(offset.brokerOffset - offset.consumerOffset)",
                            offset.lastTimestampMillis > 0 ? LocalTime.text(millis: offset.lastTimestampMillis) : "-",
                        ]))
                }
            }
            lines += ["", "Diff Total: \(list.behind)"]
            return CommandOutput(lines: lines, json: list.json)
        })

    /// One block a server, keys in order.
    static func tables(_ answers: [BrokerAnswer<[String: String]>], separator: String) -> CommandOutput {
        var lines: [String] = []
        for answer in answers {
            lines.append("============\(answer.broker)============")
            lines += answer.value.sorted { $0.key < $1.key }.map { "\($0.key.padded(50))\(separator) \($0.value)" }
        }
        let json = JSONObject(
            sorted: Dictionary(answers.map { ($0.broker, $0.value) }) { $1 },
            { .object(JSONObject(sorted: $0) { .string($0) }) })
        return CommandOutput(lines: lines, json: .object(json))
    }
}
