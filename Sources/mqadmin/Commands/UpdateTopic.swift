import AdminClient
import MessageModel

extension Command {
    static let updateTopic = Command(
        name: "updateTopic", summary: "Update or create topic.",
        options: targetOptions + [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("r", "readQueueNums", "set read queue nums, 8 by default"),
            CommandOption("w", "writeQueueNums", "set write queue nums, 8 by default"),
            CommandOption("p", "perm", "set topic's permission(2|4|6), intro[2:W 4:R; 6:RW]"),
            CommandOption("o", "order", "set topic's order(true|false)"),
            CommandOption("u", "unit", "is unit topic (true|false)"),
            CommandOption("s", "hasUnitSub", "has unit sub (true|false)"),
            CommandOption("a", "attributes", "attribute(+a=b,+c=d,-e), eg: +message.type=FIFO"),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") && $0.string("order") != "true" },
        run: { options, admin in
            let queueCounts: ClosedRange<Int32> = 0...65_536
            var topic = TopicConfig(name: try options.required("topic"))
            topic.readQueueCount = try options.int32("readQueueNums", default: 8, in: queueCounts)
            topic.writeQueueCount = try options.int32("writeQueueNums", default: 8, in: queueCounts)
            topic.permission = TopicPermission(rawValue: try options.int32("perm", default: 6, in: 0...7))
            topic.isOrdered = try options.bool("order", default: false)
            topic.sysFlag = try options.bool("unit", default: false) ? 1 : 0
            topic.sysFlag |= try options.bool("hasUnitSub", default: false) ? 2 : 0
            let attributes = options.string("attributes") ?? ""
            let result = try await admin.updateTopic(topic, attributes: attributes, on: try target(options))
            return output(result, attributes: attributes)
        })

    private static func output(_ result: UpdateTopicResult, attributes: String) -> CommandOutput {
        let topic = result.topic
        var lines = result.brokers.map { "create topic to \($0) success." }
        if let conf = result.orderConf {
            lines.append("set cluster orderConf. isOrder=\(topic.isOrdered), orderConf=[\(conf)]")
        }
        // Attributes are shown as they were asked for: the broker answers no more than success.
        lines.append(
            "TopicConfig [topicName=\(topic.name), readQueueNums=\(topic.readQueueCount), "
                + "writeQueueNums=\(topic.writeQueueCount), perm=\(topic.permission.text), "
                + "topicFilterType=\(topic.filterType.rawValue), topicSysFlag=\(topic.sysFlag), "
                + "order=\(topic.isOrdered), attributes={\(attributes)}]")
        var json: JSONObject = [
            "brokers": .array(result.brokers.map { .string($0) }), "topic": topic.json,
            "attributes": .string(attributes),
        ]
        if let conf = result.orderConf { json.append("orderConf", .string(conf)) }
        return CommandOutput(lines: lines, json: .object(json))
    }
}
