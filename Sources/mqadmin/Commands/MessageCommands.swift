import AdminClient
import MessageModel
import NIOCore
import RemotingCodec

extension Command {
    private static let topic = CommandOption("t", "topic", "topic name", isRequired: true)

    static let queryMsgById = Command(
        name: "queryMsgById", summary: "Query Message by Id.",
        options: [
            CommandOption("i", "msgId", "Message Id, several joined by commas", isRequired: true),
            CommandOption("t", "topic", "topic name"),
        ] + pushOptions + [
            CommandOption("s", "sendMessage", "resend message (true|false), false by default"),
            CommandOption("u", "unitName", "unit name: has no effect"), bodyFormat, cluster,
        ],
        worksWithoutNameServer: { _ in true },
        run: { options, admin in
            let ids = try options.required("msgId").split(separator: ",").map(String.init)
            if let output = try await push(ids, options, admin) { return output }
            try options.checkUTF8("bodyFormat")
            var records: [MessageRecord] = []
            for id in ids {
                records.append(
                    try await admin.message(
                        id: id, topic: options.string("topic"), routeTopic: options.string("cluster")))
            }
            guard try options.bool("sendMessage", default: false) else { return await output(records, admin) }
            var results: [JSONValue] = []
            var lines: [String] = []
            for (id, record) in zip(ids, records) {
                let sent = try await admin.resend(record, nowMillis: LocalTime.nowMillis)
                lines += ["prepare resend msg. originalMsgId=\(id)", MessageText.line(sent, topic: record.topic)]
                results.append(MessageText.json(sent, topic: record.topic))
            }
            return CommandOutput(lines: lines, json: .array(results))
        })

    private static let bodyFormat = CommandOption(
        "f", "bodyFormat", "print message body by the specified format: UTF-8")
    private static let cluster = CommandOption(
        "c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route.")

    private static let pushOptions = [
        CommandOption("g", "consumerGroup", "consumer group that shall consume it now, with --clientId"),
        CommandOption("d", "clientId", "The consumer's client id, with --consumerGroup"),
    ]

    /// Has the client that the options name consume messages now; nil when they name none.
    private static func push(
        _ ids: [String], _ options: GivenOptions, _ admin: AdminClient
    ) async throws -> CommandOutput? {
        guard options.isGiven("consumerGroup") == options.isGiven("clientId") else {
            throw UsageError(description: "--consumerGroup and --clientId go together")
        }
        guard options.isGiven("clientId") else { return nil }
        let client = try options.required("clientId")
        var output = CommandOutput(lines: [], json: .null)
        var results: [JSONValue] = []
        for id in ids {
            let answer = try await admin.consumeDirectly(
                messageID: id, topic: options.string("topic"), group: try options.required("consumerGroup"),
                clientID: client)
            guard let answer else {
                throw AdminError(
                    .refused, "this \(client) client is not push consumer ,not support direct push")
            }
            output.lines.append(
                "ConsumeMessageDirectlyResult [order=\(answer.isOrdered), autoCommit=\(answer.commitsItself), "
                    + "consumeResult=\(answer.result), remark=\(answer.remark ?? "null"), "
                    + "spentTimeMills=\(answer.spentMillis)]")
            results.append([
                "msgId": .string(id), "consumeResult": .string(answer.result), "order": .bool(answer.isOrdered),
                "autoCommit": .bool(answer.commitsItself), "remark": answer.remark.map { .string($0) } ?? .null,
                "spentTimeMills": .integer(answer.spentMillis),
            ])
        }
        output.json = .array(results)
        return output
    }

    static let queryMsgByKey = Command(
        name: "queryMsgByKey", summary: "Query Message by Key.",
        options: [
            topic, CommandOption("k", "msgKey", "Message Key", isRequired: true),
            CommandOption("b", "beginTimestamp", "Begin timestamp(ms). default:0, eg:1676730526212"),
            CommandOption("e", "endTimestamp", "End timestamp(ms). default:Long.MAX_VALUE, eg:1676730526212"),
            CommandOption("m", "maxNum", "The maximum number of messages returned by the query, default:64"),
            cluster,
        ],
        run: { options, admin in
            let records = try await admin.messages(
                topic: try options.required("topic"), key: try options.required("msgKey"), isUnique: false,
                maxCount: try options.int32("maxNum", default: 64, in: 1...10_000),
                fromMillis: try options.int64("beginTimestamp", in: 0...Int64.max) ?? 0,
                toMillis: try options.int64("endTimestamp", in: 0...Int64.max) ?? Int64.max,
                routeTopic: options.string("cluster"))
            func line(_ columns: [String]) -> String {
                "\(columns[0].padded(50)) \(columns[1].paddedLeft(4)) \(columns[2].paddedLeft(40))"
            }
            return CommandOutput(
                lines: [line(["#Message ID", "#QID", "#Offset"])]
                    + records.map { line([$0.property("UNIQ_KEY") ?? "", "\($0.queueId)", "\($0.queueOffset)"]) },
                json: .array(records.map { MessageText.json($0) }))
        })

    static let queryMsgByUniqueKey = Command(
        name: "queryMsgByUniqueKey", summary: "Query Message by Unique key.",
        options: [
            topic, CommandOption("i", "msgId", "Message Id", isRequired: true),
        ] + pushOptions + [
            CommandOption(
                "a", "showAll", "Print all message, the limit is 32; else the first. --json always has all",
                takesValue: false), cluster,
        ],
        run: { options, admin in
            let id = try options.required("msgId")
            if let output = try await push([id], options, admin) { return output }
            let records = try await admin.messages(
                topic: try options.required("topic"), key: id, isUnique: true, maxCount: 32,
                routeTopic: options.string("cluster"))
            let showsAll = options.isGiven("showAll") || options.isGiven(CommandOption.json.long)
            return await output(showsAll ? records : Array(records.prefix(1)), admin)
        })

    static let queryMsgByOffset = Command(
        name: "queryMsgByOffset", summary: "Query Message by offset.",
        options: [
            topic, CommandOption("b", "brokerName", "Broker Name", isRequired: true),
            CommandOption("i", "queueId", "Queue Id", isRequired: true),
            CommandOption("o", "offset", "Queue Offset", isRequired: true), bodyFormat,
        ],
        run: { options, admin in
            try options.checkUTF8("bodyFormat")
            guard let offset = Int64(try options.required("offset")), offset >= 0 else {
                throw UsageError(description: "--offset must be a number from 0 on")
            }
            let record = try await admin.message(
                topic: try options.required("topic"), brokerName: try options.required("brokerName"),
                queueId: try options.int32("queueId", default: 0, in: 0...65_535), offset: offset)
            return await output([record], admin)
        })

    /// One text a message, with what groups made of it; a broker that cannot tell that has the message nevertheless.
    private static func output(_ records: [MessageRecord], _ admin: AdminClient) async -> CommandOutput {
        var output = CommandOutput(lines: [], json: .null)
        var messages: [JSONValue] = []
        for (record, tracks) in zip(records, await admin.tracks(of: records)) {
            let fields = MessageText.fields(record).map { "\("\($0.name):".padded(20)) \($0.text)" }
            output.lines.append((fields + [""] + MessageText.lines(tracks) + [""]).joined(separator: "\n"))
            messages.append(MessageText.json(record, tracks: tracks))
        }
        output.json = .array(messages)
        return output
    }
}
