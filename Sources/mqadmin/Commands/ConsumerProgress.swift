import AdminClient
import MessageModel
import RemotingCodec

extension Command {
    static let consumerProgress = Command(
        name: "consumerProgress", summary: "Query consumers's progress, speed.",
        options: [
            CommandOption("g", "groupName", "consumer group name"),
            CommandOption("t", "topicName", "topic name"),
            CommandOption("c", "cluster", "only the brokers of this cluster"),
            CommandOption("s", "showClientIP", "Show Client IP per Queue (true|false), false by default"),
        ],
        run: { options, admin in
            if options.isGiven("groupName") {
                let progress = try await admin.consumerProgress(
                    group: try options.required("groupName"), topic: options.string("topicName"),
                    cluster: options.string("cluster"))
                let owners =
                    try options.bool("showClientIP", default: false)
                    ? try await admin.queueOwners(group: progress.group) : nil
                return CommandOutput(lines: queueLines(progress, owners), json: json(progress, owners))
            }
            let all = try await admin.allConsumerProgress(cluster: options.string("cluster"))
            return CommandOutput(lines: groupLines(all), json: .array(all.map { json($0) }))
        })

    private static func queueLines(_ progress: ConsumerProgress, _ owners: [MessageQueue: String]?) -> [String] {
        /// With a column more where clients are shown.
        func line(_ columns: [String], client: String) -> String {
            let columns = owners == nil ? columns : columns[..<5] + [client] + columns[5...]
            let padded = zip(columns, [64, 32, 4, 20, 20, 20]).map { $0.padded($1) }.joined(separator: "  ")
            return padded + columns[6...].dropLast().map { " \($0.padded(20))" }.joined() + " \(columns.last ?? "")"
        }
        var lines = [
            line(
                [
                    "#Topic", "#Broker Name", "#QID", "#Broker Offset", "#Consumer Offset", "#Diff", "#Inflight",
                    "#LastTime",
                ], client: "#Client IP")
        ]
        for row in progress.rows {
            let last = row.offset.lastTimestampMillis
            lines.append(
                line(
                    [
                        row.queue.topic.front(64), row.queue.brokerName.front(32), "\(row.queue.queueId)",
                        "\(row.offset.brokerOffset)", "\(row.offset.consumerOffset)", "\(row.behind)",
                        "\(row.inFlight)", last > 0 ? LocalTime.secondsText(millis: last) : "N/A",
                    ], client: owners?[row.queue] ?? "N/A"))
        }
        lines.append("")
        lines.append("Consume TPS: \(progress.consumeTps.fixed(2))")
        lines.append("Consume Diff Total: \(progress.behind)")
        lines.append("Consume Inflight Total: \(progress.inFlight)")
        return lines
    }

    private static func groupLines(_ all: [ConsumerProgress]) -> [String] {
        func line(_ columns: [String]) -> String {
            "\(columns[0].padded(64))  \(columns[1].padded(6))  \(columns[2].padded(24)) \(columns[3].padded(5))  "
                + "\(columns[4].padded(14))  \(columns[5].padded(7))  \(columns[6])"
        }
        let title = line(["#Group", "#Count", "#Version", "#Type", "#Model", "#TPS", "#Diff Total"])
        return [title]
            + all.map { progress in
                let connections = progress.connections
                let version = connections?.connections.map(\.version).min()
                return line([
                    progress.group.front(64), "\(connections?.connections.count ?? 0)",
                    version.map { ProtocolVersion.name(of: $0) } ?? "OFFLINE", type(connections),
                    connections?.messageModel?.rawValue ?? "", progress.consumeTps.fixed(0), "\(progress.behind)",
                ])
            }
    }

    private static func type(_ connections: ConsumerConnections?) -> String {
        switch connections?.consumeType {
        case .actively: "PULL"
        case .passively: "PUSH"
        case .pop: "POP"
        case nil: ""
        }
    }

    private static func json(_ progress: ConsumerProgress, _ owners: [MessageQueue: String]? = nil) -> JSONValue {
        let queues = progress.rows.map { row -> JSONValue in
            var object: JSONObject = [
                "topic": .string(row.queue.topic), "brokerName": .string(row.queue.brokerName),
                "queueId": .integer(Int64(row.queue.queueId)), "brokerOffset": .integer(row.offset.brokerOffset),
                "consumerOffset": .integer(row.offset.consumerOffset), "diff": .integer(row.behind),
                "inflight": .integer(row.inFlight), "lastTimestamp": .integer(row.offset.lastTimestampMillis),
            ]
            if let owners { object.append("clientIP", owners[row.queue].map { .string($0) } ?? .null) }
            return .object(object)
        }
        var object: JSONObject = [
            "group": .string(progress.group), "consumeTps": .double(progress.consumeTps),
            "diffTotal": .integer(progress.behind), "inflightTotal": .integer(progress.inFlight),
            "queues": .array(queues),
        ]
        if let connections = progress.connections { object.append("connection", connections.json) }
        return .object(object)
    }
}
