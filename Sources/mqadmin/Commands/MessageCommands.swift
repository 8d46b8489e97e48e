import AdminClient
import MessageModel
import NIOCore
import RemotingCodec

extension Command {
    private static let topic = CommandOption("t", "topic", "topic name", isRequired: true)

    static let queryMsgById = Command(
        name: "queryMsgById", summary: "Query Message by Id.",
        options: [CommandOption("i", "msgId", "Message Id, several joined by commas", isRequired: true)],
        worksWithoutNameServer: { _ in true },
        run: { options, admin in
            var records: [MessageRecord] = []
            for id in try options.required("msgId").split(separator: ",") {
                records.append(try await admin.message(id: String(id)))
            }
            return output(records)
        })

    static let queryMsgByKey = Command(
        name: "queryMsgByKey", summary: "Query Message by Key.",
        options: [
            topic, CommandOption("k", "msgKey", "Message Key", isRequired: true),
            CommandOption("m", "maxNum", "The maximum number of messages returned by the query, default:64"),
        ],
        run: { options, admin in
            let records = try await admin.messages(
                topic: try options.required("topic"), key: try options.required("msgKey"), isUnique: false,
                maxCount: try options.int32("maxNum", default: 64, in: 1...10_000))
            func line(_ columns: [String]) -> String {
                "\(columns[0].padded(50)) \(columns[1].paddedLeft(4)) \(columns[2].paddedLeft(40))"
            }
            return CommandOutput(
                lines: [line(["#Message ID", "#QID", "#Offset"])]
                    + records.map { line([$0.property("UNIQ_KEY") ?? "", "\($0.queueId)", "\($0.queueOffset)"]) },
                json: .array(records.map(json)))
        })

    static let queryMsgByUniqueKey = Command(
        name: "queryMsgByUniqueKey", summary: "Query Message by Unique key.",
        options: [topic, CommandOption("i", "msgId", "Message Id", isRequired: true)],
        run: { options, admin in
            output(
                try await admin.messages(
                    topic: try options.required("topic"), key: try options.required("msgId"), isUnique: true,
                    maxCount: 32))
        })

    static let queryMsgByOffset = Command(
        name: "queryMsgByOffset", summary: "Query Message by offset.",
        options: [
            topic, CommandOption("b", "brokerName", "Broker Name", isRequired: true),
            CommandOption("i", "queueId", "Queue Id", isRequired: true),
            CommandOption("o", "offset", "Queue Offset", isRequired: true),
        ],
        run: { options, admin in
            guard let offset = Int64(try options.required("offset")), offset >= 0 else {
                throw UsageError(description: "--offset must be a number from 0 on")
            }
            return output([
                try await admin.message(
                    topic: try options.required("topic"), brokerName: try options.required("brokerName"),
                    queueId: try options.int32("queueId", default: 0, in: 0...65_535), offset: offset)
            ])
        })

    static let sendMessage = Command(
        name: "sendMessage", summary: "Send a message.",
        options: [
            topic, CommandOption("p", "body", "UTF-8 string format of the message body", isRequired: true),
            CommandOption("k", "key", "Message keys"), CommandOption("c", "tags", "Message tags"),
            CommandOption("b", "broker", "Send message to target broker"),
            CommandOption("i", "qid", "Send message to target queue"),
        ],
        run: { options, admin in
            let queue =
                options.isGiven("qid") ? try options.int32("qid", default: 0, in: 0...65_535) : nil
            let sent = try await admin.send(
                topic: try options.required("topic"), body: try options.required("body"),
                keys: options.string("key"), tags: options.string("tags"), brokerName: options.string("broker"),
                queueId: queue, nowMillis: LocalTime.nowMillis)
            func line(_ columns: [String]) -> String {
                zip(columns, [32, 4, 20, 0]).map { $0.padded($1) }.joined(separator: "  ")
            }
            return CommandOutput(
                lines: [
                    line(["#Broker Name", "#QID", "#Send Result", "#MsgId"]),
                    line([sent.brokerName, "\(sent.queueId)", "SEND_OK", sent.messageId]),
                ],
                json: [
                    "brokerName": .string(sent.brokerName), "queueId": .integer(Int64(sent.queueId)),
                    "queueOffset": .integer(sent.queueOffset), "msgId": .string(sent.messageId),
                ])
        })

    private static func output(_ records: [MessageRecord]) -> CommandOutput {
        CommandOutput(
            lines: records.flatMap { record in
                fields(record).map { "\("\($0.name):".padded(20)) \($0.text)" } + [""]
            },
            json: .array(records.map(json)))
    }

    private static func fields(_ record: MessageRecord) -> [(name: String, text: String)] {
        let id = OffsetMessageId(
            host: record.storeHost.address, port: record.storeHost.port, logOffset: record.logOffset)
        let properties = PropertyText.dictionary(String(buffer: record.properties)).sorted { $0.key < $1.key }
        return [
            ("OffsetID", id.text), ("Topic", record.topic), ("Tags", "[\(record.property("TAGS") ?? "null")]"),
            ("Keys", "[\(record.property("KEYS") ?? "null")]"), ("Queue ID", "\(record.queueId)"),
            ("Queue Offset", "\(record.queueOffset)"), ("CommitLog Offset", "\(record.logOffset)"),
            ("Reconsume Times", "\(record.reconsumeTimes)"),
            ("Born Timestamp", LocalTime.text(millis: record.bornTimestampMillis)),
            ("Store Timestamp", LocalTime.text(millis: record.storeTimestampMillis)),
            ("Born Host", "\(record.bornHost)"), ("Store Host", "\(record.storeHost)"),
            ("System Flag", "\(record.sysFlag.rawValue)"),
            ("Properties", "{\(properties.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))}"),
            ("Message Body", String(buffer: record.body)),
        ]
    }

    private static func json(_ record: MessageRecord) -> JSONValue {
        let id = OffsetMessageId(
            host: record.storeHost.address, port: record.storeHost.port, logOffset: record.logOffset)
        let properties = PropertyText.dictionary(String(buffer: record.properties))
        return [
            "msgId": .string(id.text), "topic": .string(record.topic), "queueId": .integer(Int64(record.queueId)),
            "queueOffset": .integer(record.queueOffset), "commitLogOffset": .integer(record.logOffset),
            "reconsumeTimes": .integer(Int64(record.reconsumeTimes)),
            "bornTimestamp": .integer(record.bornTimestampMillis),
            "storeTimestamp": .integer(record.storeTimestampMillis),
            "properties": .object(JSONObject(sorted: properties) { .string($0) }),
            "body": .string(String(buffer: record.body)),
        ]
    }
}
