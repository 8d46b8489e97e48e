import AdminClient
import MessageModel

extension Command {
    private static let amount = CommandOption("a", "amount", "message amount | default 100")
    private static let size = CommandOption("s", "size", "message size | default 128 Byte")

    private static func load(_ options: GivenOptions) throws -> (count: Int, bytes: Int) {
        (
            Int(try options.int32("amount", default: 100, in: 1...1_000_000)),
            Int(try options.int32("size", default: 128, in: 0...(64 << 20)))
        )
    }

    static let checkMsgSendRT = Command(
        name: "checkMsgSendRT", summary: "Check message send response time.",
        options: [CommandOption("t", "topic", "topic name", isRequired: true), amount, size],
        run: { options, admin in
            let (count, bytes) = try load(options)
            let times = try await admin.sendTimes(
                topic: try options.required("topic"), count: count, bodyBytes: bytes, nowMillis: LocalTime.nowMillis)
            func line(_ columns: [String]) -> String {
                "\(columns[0].padded(32))  \(columns[1].padded(4))  \(columns[2].padded(20))    \(columns[3])"
            }
            let rows = times.map { line([$0.brokerName, "\($0.queueId)", "\($0.failure == nil)", $0.millis.fixed(0)]) }
            let json = times.map { time -> JSONValue in
                var row: JSONObject = [
                    "brokerName": .string(time.brokerName), "queueId": .integer(Int64(time.queueId)),
                    "success": .bool(time.failure == nil), "rtMillis": .double(time.millis),
                ]
                if let failure = time.failure { row.append("failure", .string(failure)) }
                return .object(row)
            }
            return CommandOutput(
                lines: [line(["#Broker Name", "#QID", "#Send Result", "#RT"])] + rows
                    + ["Avg RT: \(times.averageMillis.fixed(2))"],
                json: ["sends": .array(json), "averageRtMillis": .double(times.averageMillis)])
        })

    static let sendMsgStatus = Command(
        name: "sendMsgStatus", summary: "Send msg to broker.",
        options: [
            CommandOption(
                "b", "brokerName", "Broker Name e.g. clusterName_brokerName as DefaultCluster_broker-a",
                isRequired: true),
            CommandOption("s", "messageSize", "Message Size, Default: 128"),
            CommandOption("c", "count", "send message count, Default: 50"),
        ],
        run: { options, admin in
            // Every broker has a topic of its own name.
            let topic = try options.required("brokerName")
            let isJSON = options.isGiven(CommandOption.json.long)
            var isFirst = true
            var results: [JSONValue] = []
            try await admin.sendTimes(
                topic: topic, count: 1 + Int(try options.int32("count", default: 50, in: 1...1_000_000)),
                bodyBytes: Int(try options.int32("messageSize", default: 128, in: 0...(64 << 20))),
                nowMillis: LocalTime.nowMillis
            ) { time throws(AdminError) in
                if let failure = time.failure { throw AdminError(.refused, failure) }
                guard let sent = time.sent, !isFirst else {
                    // It opened the connection.
                    isFirst = false
                    return
                }
                if isJSON {
                    results.append([
                        "rtMillis": .double(time.millis), "sendResult": MessageText.json(sent, topic: topic),
                    ])
                } else {
                    Console.print(
                        "rt=\(time.millis.fixed(0))ms, SendResult=\(MessageText.line(sent, topic: topic))")
                }
            }
            return CommandOutput(lines: [], json: .array(results))
        })

    static let clusterRT = Command(
        name: "clusterRT", summary: "List All clusters Message Send RT.",
        options: [
            amount, size, CommandOption("c", "cluster", "cluster name | default display all cluster"),
            CommandOption("p", "print log", "print as tlog | default false"),
            CommandOption("m", "machine room", "machine room name | default noname"),
            CommandOption("i", "interval", "seconds between rounds | default one round"),
        ],
        run: { options, admin in
            let (count, bytes) = try load(options)
            let asLog = try options.bool("print log", default: false)
            let room = options.string("machine room") ?? "noname"
            let interval = try options.int32("interval", default: 0, in: 0...86_400)
            var title = asLog ? [] : [rtLine(rtTitle)]
            return try await rounds(everySeconds: interval, options) {
                let rows = try await admin.clusterSendTimes(
                    cluster: options.string("cluster"), count: count, bodyBytes: bytes, nowMillis: LocalTime.nowMillis)
                let lines = rows.map { row in
                    asLog
                        ? "\(LocalTime.secondsText(millis: LocalTime.nowMillis))|\(room)|\(row.cluster)|"
                            + "\(row.broker)|\(row.averageMillis.fixed(0))"
                        : rtLine([
                            row.cluster, row.broker, row.averageMillis.fixed(2), "\(row.sent)", "\(row.failed)",
                        ])
                }
                let json = JSONValue.array(
                    rows.map { row in
                        [
                            "cluster": .string(row.cluster), "brokerName": .string(row.broker),
                            "averageRtMillis": .double(row.averageMillis), "successCount": .integer(Int64(row.sent)),
                            "failCount": .integer(Int64(row.failed)),
                        ]
                    })
                defer { title = [] }
                return CommandOutput(lines: title + lines, json: json)
            }
        })

    /// Prints round after round until the program is ended; without an interval the one round is the command's output.
    static func rounds(
        everySeconds interval: Int32, _ options: GivenOptions, _ round: () async throws -> CommandOutput
    ) async throws -> CommandOutput {
        while true {
            let output = try await round()
            guard interval > 0 else { return output }
            let isJSON = options.isGiven(CommandOption.json.long)
            Console.print(isJSON ? output.json.serializedText : output.lines.joined(separator: "\n"))
            try await Task.sleep(for: .seconds(interval))
        }
    }

    private static let rtTitle = ["#Cluster Name", "#Broker Name", "#RT", "#successCount", "#failCount"]

    private static func rtLine(_ columns: [String]) -> String {
        zip(columns, [24, 24, 8, 16, 16]).map { $0.padded($1) }.joined(separator: "  ")
    }

    static let haStatus = Command(
        name: "haStatus", summary: "Fetch ha runtime status data.",
        options: [
            CommandOption("c", "clusterName", "which cluster"),
            CommandOption("b", "brokerAddr", "which broker to fetch"),
            CommandOption("i", "interval", "the interval(second) of get info"),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let interval = try options.int32("interval", default: 0, in: 0...86_400)
            return try await rounds(everySeconds: interval, options) {
                var output = CommandOutput(lines: [], json: .null)
                var json = JSONObject()
                for address in try await admin.targets(try target(options)) {
                    let status = try await admin.replicationStatus(of: address)
                    output.lines += haLines(status, of: address)
                    json.append(address, status)
                }
                output.json = .object(json)
                return output
            }
        })

    private static func haLines(_ status: JSONValue, of address: String) -> [String] {
        func number(_ value: JSONValue?, _ key: String) -> Int64 { value?[key]?.int64 ?? 0 }
        func speed(_ value: JSONValue?) -> String {
            (Double(number(value, "transferredByteInSecond")) / 1_024).fixed(2)
        }
        guard status["master"] == .bool(true) else {
            let client = status["haClientRuntimeInfo"]
            return [
                "", "#MasterAddr\t\(client?["masterAddr"]?.text ?? "")",
                "#CommitLogMaxOffset\t\(number(client, "maxOffset"))", "#TransferSpeed(KB/s)\t\(speed(client))",
                "#LastReadTime\t\(LocalTime.text(millis: number(client, "lastReadTimestamp")))",
                "#LastWriteTime\t\(LocalTime.text(millis: number(client, "lastWriteTimestamp")))",
                "#MasterFlushOffset\t\(number(client, "masterFlushOffset"))",
            ]
        }
        func line(_ columns: [String]) -> String {
            "\(columns[0].padded(32))  \(columns[1].padded(16)) "
                + columns.dropFirst(2).map { $0.paddedLeft(16) }.joined(separator: " ")
        }
        let slaves = status["haConnectionInfo"]?.elements ?? []
        let title = ["#SlaveAddr", "#SlaveAckOffset", "#Diff", "#TransferSpeed(KB/s)", "#Status", "#TransferFromWhere"]
        return [
            "", "#MasterAddr\t\(address)", "#MasterCommitLogMaxOffset\t\(number(status, "masterCommitLogMaxOffset"))",
            "#SlaveNum\t\(slaves.count)", "#InSyncSlaveNum\t\(number(status, "inSyncSlaveNums"))", line(title),
        ]
            + slaves.map { slave in
                line([
                    slave["addr"]?.text ?? "", "\(number(slave, "slaveAckOffset"))", "\(number(slave, "diff"))",
                    speed(slave), slave["inSync"] == .bool(true) ? "OK" : "Fall Behind",
                    "\(number(slave, "transferFromWhere"))",
                ])
            }
    }
}
