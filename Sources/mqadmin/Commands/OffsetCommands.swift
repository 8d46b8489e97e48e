import AdminClient
import MessageModel

extension Command {
    private static let reset = [
        CommandOption("g", "group", "set the consumer group", isRequired: true),
        CommandOption("t", "topic", "set the topic", isRequired: true),
    ]
    private static let force = CommandOption(
        "f", "force", "whether a group may be moved forward too (true|false), true by default")
    private static let cluster = CommandOption("c", "cluster", "only the brokers of this cluster")

    static let resetOffsetByTime = Command(
        name: "resetOffsetByTime", summary: "Reset consumer offset by timestamp(without client restart).",
        options: reset + [
            CommandOption(
                "s", "timestamp", "set the timestamp[now|currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]", isRequired: true),
            force, CommandOption(nil, "cluster", "only the brokers of this cluster"),
            CommandOption("c", "cplus", "Deprecated: clients of C++ need nothing else", takesValue: false),
            CommandOption("b", "broker", "broker addr, with --queue"),
            CommandOption("q", "queue", "queue id, with --broker"),
            CommandOption("o", "offset", "the offset instead of that of the timestamp, with --broker and --queue"),
        ],
        worksWithoutNameServer: { $0.isGiven("broker") && $0.isGiven("queue") },
        run: { options, admin in
            let millis = try LocalTime.millis(option: "timestamp", of: options) ?? LocalTime.nowMillis
            let (group, topic) = (try options.required("group"), try options.required("topic"))
            guard options.isGiven("broker") == options.isGiven("queue"),
                !options.isGiven("offset") || options.isGiven("queue")
            else { throw UsageError(description: "--broker, --queue and --offset go together") }
            guard options.isGiven("queue") else {
                return output(
                    try await admin.resetOffset(
                        group: group, topic: topic, timestampMillis: millis,
                        isForced: try options.bool("force", default: true), cluster: options.string("cluster")))
            }
            let offset = try await admin.resetOffset(
                group: group, topic: topic, queueId: try options.int32("queue", default: 0, in: 0...65_535),
                broker: try options.required("broker"), to: try options.int64("offset", in: 0...Int64.max),
                timestampMillis: millis)
            return CommandOutput(
                lines: ["reset consumer offset to \(offset)"], json: ["offset": .integer(offset)])
        })

    static let skipAccumulatedMessage = Command(
        name: "skipAccumulatedMessage", summary: "Skip all messages that are accumulated (not consumed) currently.",
        options: reset + [force, cluster],
        run: { options, admin in
            output(
                try await admin.resetOffset(
                    group: try options.required("group"), topic: try options.required("topic"), timestampMillis: -1,
                    isForced: try options.bool("force", default: true), cluster: options.string("cluster")))
        })

    private static func output(_ reset: OffsetReset) -> CommandOutput {
        switch reset {
        case .told(let offsets):
            let rows = offsets.sorted { ($0.key.brokerName, $0.key.queueId) < ($1.key.brokerName, $1.key.queueId) }
            func line(_ columns: [String]) -> String { columns.map { $0.padded(40) }.joined(separator: "  ") }
            return CommandOutput(
                lines: [line(["#brokerName", "#queueId", "#offset"])]
                    + rows.map { line([$0.key.brokerName.front(32), "\($0.key.queueId)", "\($0.value)"]) },
                json: .array(
                    rows.map {
                        [
                            "brokerName": .string($0.key.brokerName), "queueId": .integer(Int64($0.key.queueId)),
                            "offset": .integer($0.value),
                        ]
                    }))
        case .committed(let queues):
            func line(_ columns: [String]) -> String { columns.map { $0.padded(20) }.joined(separator: "  ") }
            let title = line([
                "#brokerName", "#queueId", "#brokerOffset", "#consumerOffset", "#timestampOffset", "#rollbackOffset",
            ])
            let lines = queues.map { row in
                let numbers = [row.brokerOffset, row.consumerOffset, row.timestampOffset, row.rollbackOffset]
                return line([row.queue.brokerName.front(32), "\(row.queue.queueId)"] + numbers.map { "\($0)" })
            }
            return CommandOutput(
                lines: [title] + lines,
                json: .array(
                    queues.map { row in
                        [
                            "brokerName": .string(row.queue.brokerName), "queueId": .integer(Int64(row.queue.queueId)),
                            "brokerOffset": .integer(row.brokerOffset), "consumerOffset": .integer(row.consumerOffset),
                            "timestampOffset": .integer(row.timestampOffset), "offset": .integer(row.rollbackOffset),
                        ]
                    }))
        }
    }
}
