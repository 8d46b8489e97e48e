import AdminClient
import MessageModel
import RemotingCodec
import ServerSupport

extension Command {
    static let queryMsgTraceById = Command(
        name: "queryMsgTraceById", summary: "Query a message trace.",
        options: [
            CommandOption("i", "msgId", "Message Id", isRequired: true),
            CommandOption("t", "traceTopic", "The name value of message trace topic"),
            CommandOption("b", "beginTimestamp", "Begin timestamp(ms). default:0, eg:1676730526212"),
            CommandOption("e", "endTimestamp", "End timestamp(ms). default:Long.MAX_VALUE, eg:1676730526212"),
            CommandOption("c", "maxNum", "The maximum number of messages returned by the query, default:64"),
        ],
        run: { options, admin in
            let traces = try await admin.traces(
                messageId: try options.required("msgId"),
                traceTopic: options.string("traceTopic") ?? NameRules.traceTopic,
                maxCount: try options.int32("maxNum", default: 64, in: 1...10_000),
                fromMillis: try options.int64("beginTimestamp", in: 0...Int64.max) ?? 0,
                toMillis: try options.int64("endTimestamp", in: 0...Int64.max) ?? Int64.max)
            return CommandOutput(lines: traceLines(traces), json: .array(traces.map(traceJSON)))
        })

    /// Sends one by one, then what consumers did, group by group.
    private static func traceLines(_ traces: [MessageTrace]) -> [String] {
        func title(_ group: String, _ time: String) -> String {
            traceLine(["#Type", group, "#ClientHost", time, "#CostTimes", "#Status"])
        }
        var lines: [String] = []
        for trace in traces where trace.kind == .sent {
            lines += [title("#ProducerGroup", "#SendTime"), row(trace, type: "Pub"), ""]
        }
        let consumed = Dictionary(grouping: traces.filter { $0.kind == .consumed }) { $0.group ?? "" }
        for (_, traces) in consumed.sorted(by: { $0.key < $1.key }) {
            lines += [title("#ConsumerGroup", "#ConsumerTime")] + traces.map { row($0, type: "Sub") } + [""]
        }
        return lines
    }

    private static func row(_ trace: MessageTrace, type: String) -> String {
        traceLine([
            type, trace.group ?? "-", trace.clientHost,
            trace.timeMillis.map { LocalTime.secondsText(millis: $0) } ?? "-",
            trace.costMillis.map { "\($0)ms" } ?? "-",
            trace.isSuccess == true ? "success" : "failed",
        ])
    }

    private static func traceLine(_ columns: [String]) -> String {
        zip(columns, [10, 20, 20, 20, 10, 0]).map { $0.padded($1) }.joined(separator: " ")
    }

    private static func traceJSON(_ trace: MessageTrace) -> JSONValue {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        func number(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
        return [
            "type": .string(trace.kind.rawValue), "msgId": .string(trace.messageId), "groupName": text(trace.group),
            "clientHost": .string(trace.clientHost), "timestamp": number(trace.timeMillis),
            "costTime": number(trace.costMillis), "success": trace.isSuccess.map { .bool($0) } ?? .null,
            "topic": text(trace.topic), "keys": text(trace.keys),
        ]
    }

    static let decodeMessageId = Command(
        name: "decodeMessageId", summary: "decode unique message ID",
        options: [CommandOption("i", "messageId", "unique message ID", isRequired: true)],
        worksWithoutNameServer: { _ in true },
        run: { options, _ in
            let key: DecodedUniqueKey
            do {
                key = try DecodedUniqueKey(parsing: try options.required("messageId"))
            } catch let error as ModelError {
                throw AdminError(.invalidArgument, error.message)
            }
            let (origin, address, process, millis) = parts(of: key)
            let date = LocalTime.optionText(millis: millis)
            var json: JSONObject = [
                "date": .string(date), "processId": .integer(Int64(process)), "timestamp": .integer(millis),
            ]
            json.append(origin, .string(address))
            return CommandOutput(lines: ["\(origin)=\(address)", "date=\(date)"], json: .object(json))
        })

    private static func parts(
        of key: DecodedUniqueKey
    ) -> (origin: String, address: String, process: UInt16, millis: Int64) {
        switch key {
        case .remoting(let host, let process, let sinceMonthStart, _):
            return ("ip", RecordHost(address: host, port: 0).ip, process, latest(sinceMonthStart, LocalTime.nowMillis))
        case .v5(let hardware, let process, let millis, _):
            return ("mac", hardware.map { HexText.upper([$0]) }.joined(separator: ":"), process, millis)
        }
    }

    /// The id does not tell the month: this one, or the one before when the time is yet to come.
    private static func latest(_ sinceMonthStart: UInt32, _ nowMillis: Int64) -> Int64 {
        let start = LocalMonth.startMillis(of: nowMillis)
        let millis = start + Int64(sinceMonthStart)
        return millis < nowMillis ? millis : LocalMonth.startMillis(of: start - 1) + Int64(sinceMonthStart)
    }
}
