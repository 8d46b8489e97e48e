import AdminClient
import MessageModel

extension Command {
    static let sendMessage = Command(
        name: "sendMessage", summary: "Send a message.",
        options: [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("p", "body", "UTF-8 string format of the message body", isRequired: true),
            CommandOption("k", "key", "Message keys"), CommandOption("c", "tags", "Message tags"),
            CommandOption("b", "broker", "Send message to target broker"),
            CommandOption("i", "qid", "Send message to target queue"),
            CommandOption("m", "msgTraceEnable", "Message Trace Enable, Default: false"),
        ],
        run: { options, admin in
            let queue =
                options.isGiven("qid") ? try options.int32("qid", default: 0, in: 0...65_535) : nil
            let isTraced = try options.bool("msgTraceEnable", default: false)
            let (topic, body) = (try options.required("topic"), try options.required("body"))
            let start = LocalTime.nowMillis
            let sent = try await admin.send(
                topic: topic, body: body, keys: options.string("key"), tags: options.string("tags"),
                brokerName: options.string("broker"), queueId: queue, nowMillis: start)
            var warnings: [String] = []
            if isTraced {
                do {
                    try await admin.trace(
                        sent, topic: topic, keys: options.string("key"), tags: options.string("tags"),
                        bodyBytes: body.utf8.count, sentMillis: start, answeredMillis: LocalTime.nowMillis)
                } catch {
                    // The message is there all the same.
                    warnings.append("WARN: the trace was not written: \(error)")
                }
            }
            func line(_ columns: [String]) -> String {
                zip(columns, [32, 4, 20, 0]).map { $0.padded($1) }.joined(separator: "  ")
            }
            return CommandOutput(
                lines: [
                    line(["#Broker Name", "#QID", "#Send Result", "#MsgId"]),
                    line([sent.brokerName, "\(sent.queueId)", "SEND_OK", sent.messageId]),
                ] + warnings,
                json: [
                    "brokerName": .string(sent.brokerName), "queueId": .integer(Int64(sent.queueId)),
                    "queueOffset": .integer(sent.queueOffset), "msgId": .string(sent.messageId),
                    "warnings": .array(warnings.map { .string($0) }),
                ])
        })
}
