import AdminClient
import MessageModel
import RemotingCodec

extension Command {
    private static let topic = CommandOption("t", "topic", "topic name", isRequired: true)
    private static let timeForms = "[currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]"

    /// Which messages are printed.
    private static let printed = [
        CommandOption("c", "charsetName", "CharsetName: UTF-8"),
        CommandOption("s", "subExpression", "Subscribe Expression(eg: TagA || TagB)"),
        CommandOption("b", "beginTimestamp", "Begin timestamp\(timeForms)"),
        CommandOption("e", "endTimestamp", "End timestamp\(timeForms)"),
    ]

    static let printMsg = Command(
        name: "printMsg", summary: "Print Message Detail.",
        options: [topic] + printed + [CommandOption("d", "printBody", "print body (true|false), true by default")],
        run: { options, admin in
            try options.checkUTF8("charsetName")
            let queues = try await admin.readableQueues(
                topic: try options.required("topic"),
                fromMillis: try LocalTime.millis(option: "beginTimestamp", of: options),
                toMillis: try LocalTime.millis(option: "endTimestamp", of: options))
            var reading = QueueReading(
                admin: admin, isJSON: options.isGiven(CommandOption.json.long),
                showsBody: try options.bool("printBody", default: true))
            reading.expression = options.string("subExpression") ?? "*"
            for queue in queues {
                reading.show(
                    "minOffset=\(queue.minOffset), maxOffset=\(queue.maxOffset), \(MessageText.queue(queue.queue))")
                try await reading.read(queue, from: queue.minOffset, to: queue.maxOffset)
                reading.show(String(repeating: "-", count: 56))
            }
            return reading.output
        })

    static let printMsgByQueue = Command(
        name: "printMsgByQueue", summary: "Print Message Detail by queueId.",
        options: [
            topic, CommandOption("a", "brokerName", "broker name", isRequired: true),
            CommandOption("i", "queueId", "queue id", isRequired: true),
        ] + printed + [
            CommandOption("p", "print msg", "print msg. eg: true | false(default)"),
            CommandOption("d", "printBody", "print body. eg: true | false(default)"),
            CommandOption("f", "calculate", "calculate by tag. eg: true | false(default)"),
        ],
        run: { options, admin in
            try options.checkUTF8("charsetName")
            var reading = QueueReading(
                admin: admin, isJSON: options.isGiven(CommandOption.json.long),
                showsBody: try options.bool("printBody", default: false))
            reading.expression = options.string("subExpression") ?? "*"
            reading.showsMessages = try options.bool("print msg", default: false)
            reading.showsStatus = false
            reading.countsTags = try options.bool("calculate", default: false)
            let queues = try await admin.readableQueues(
                topic: try options.required("topic"), brokerName: try options.required("brokerName"),
                queueId: try options.int32("queueId", default: 0, in: 0...65_535),
                fromMillis: try LocalTime.millis(option: "beginTimestamp", of: options),
                toMillis: try LocalTime.millis(option: "endTimestamp", of: options))
            for queue in queues { try await reading.read(queue, from: queue.minOffset, to: queue.maxOffset) }
            let tags = reading.tagCounts
            return CommandOutput(
                lines: tags.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                    "Tag: \($0.key.padded(30)) Count: \($0.value)"
                },
                json: [
                    "messages": reading.output.json,
                    "tags": .object(JSONObject(sorted: tags) { .integer(Int64($0)) }),
                ])
        })

    static let consumeMessage = Command(
        name: "consumeMessage", summary: "Consume message.",
        options: [
            topic, CommandOption("b", "brokerName", "Broker name"), CommandOption("i", "queueId", "Queue Id"),
            CommandOption("o", "offset", "Queue offset"),
            CommandOption("g", "consumerGroup", "Consumer group name"),
            CommandOption("s", "beginTimestamp", "Begin timestamp\(timeForms)"),
            CommandOption("e", "endTimestamp", "End timestamp\(timeForms)"),
            CommandOption("c", "MessageNumber", "Number of message to be consumed, 128 by default"),
        ],
        run: { options, admin in
            guard options.isGiven("brokerName") || !options.isGiven("queueId") else {
                throw UsageError(description: "Please set the brokerName before queueId!")
            }
            guard options.isGiven("queueId") || !options.isGiven("offset") else {
                throw UsageError(description: "Please set queueId before offset!")
            }
            let begin = try LocalTime.millis(option: "beginTimestamp", of: options)
            let end = try LocalTime.millis(option: "endTimestamp", of: options)
            if let begin, let end, begin > end {
                throw UsageError(description: "the beginTimestamp must not be later than the endTimestamp")
            }
            var left = try options.int64("MessageNumber", in: 1...Int64.max) ?? 128
            let queues = try await admin.readableQueues(
                topic: try options.required("topic"), brokerName: options.string("brokerName"),
                queueId: options.isGiven("queueId") ? try options.int32("queueId", default: 0, in: 0...65_535) : nil,
                fromMillis: begin, toMillis: end)
            let from = try options.int64("offset", in: 0...Int64.max) ?? 0
            var reading = QueueReading(
                admin: admin, isJSON: options.isGiven(CommandOption.json.long), showsBody: true)
            reading.group = options.string("consumerGroup") ?? AdminClient.toolsGroup
            reading.foundLine = "Consume ok"
            for queue in queues where left > 0 {
                let start = max(queue.minOffset, from)
                guard start <= queue.maxOffset else {
                    reading.show("\(MessageText.queue(queue.queue)) no matched msg, offset=\(from)")
                    continue
                }
                let stop = min(queue.maxOffset, start + min(left, Int64.max - start))
                if stop < queue.maxOffset {
                    reading.show(
                        "The older \(stop - start) message of the \(queue.queue.queueId) queue will be provided")
                }
                left -= stop - start
                try await reading.read(queue, from: start, to: stop)
            }
            return reading.output
        })

    static let queryCq = Command(
        name: "queryCq", summary: "Query cq command.",
        options: [
            topic, CommandOption("q", "queue", "queue num, ie. 1", isRequired: true),
            CommandOption("i", "index", "start queue index.", isRequired: true),
            CommandOption("c", "count", "how many, 10 by default"), CommandOption("b", "broker", "broker addr."),
            CommandOption("g", "consumer", "consumer group."),
        ],
        worksWithoutNameServer: { $0.isGiven("broker") },
        run: { options, admin in
            let index = try options.int64("index", in: Int64.min...Int64.max) ?? 0
            let found = try await admin.consumeQueue(
                QueryConsumeQueueRequestHeader(
                    topic: try options.required("topic"),
                    queueId: try options.int32("queue", default: 0, in: 0...65_535),
                    index: index, count: try options.int32("count", default: 10, in: 1...10_000),
                    consumerGroup: options.string("consumer")), broker: options.string("broker"))
            let rule = "======================================"
            var lines: [String] = []
            if let subscription = found.subscription {
                lines += [
                    "Subscription data: ",
                    String(decoding: subscription.json.serialize(pretty: true), as: UTF8.self), rule,
                ]
            }
            if let filter = found.filter { lines += ["Filter data: ", filter, rule] }
            lines += ["Queue data: ", "max: \(found.maxOffset), min: \(found.minOffset)", rule]
            for (step, entry) in found.entries.enumerated() {
                lines += [
                    "idx: \(index + Int64(step))",
                    "ConsumeQueueData{physicOffset=\(entry.logOffset), physicSize=\(entry.size), "
                        + "tagsCode=\(entry.tagsCode), extendDataJson='null', bitMap='null', eval=\(entry.isMatched), "
                        + "msg='\(entry.message ?? "null")'}", rule,
                ]
            }
            return CommandOutput(lines: lines, json: found.json)
        })
}
