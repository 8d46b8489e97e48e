import AdminClient
import MessageModel

extension Command {
    private static let topic = CommandOption("t", "topic", "topic name", isRequired: true)

    static let topicClusterList = Command(
        name: "topicClusterList", summary: "Get cluster info for topic.", options: [topic],
        run: { options, admin in
            let name = try options.required("topic")
            guard let route = try await admin.route(of: name) else {
                throw AdminError(.notFound, "No topic route info in name server for the topic: \(name)")
            }
            let clusters = Set(route.brokers.map(\.cluster)).sorted()
            return CommandOutput(
                lines: clusters, json: ["clusterList": .array(clusters.map { .string($0) })])
        })

    static let allocateMQ = Command(
        name: "allocateMQ", summary: "Allocate MQ.",
        options: [topic, CommandOption("i", "ipList", "ip list, joined by commas", isRequired: true)],
        run: { options, admin in
            let name = try options.required("topic")
            guard let route = try await admin.route(of: name) else {
                throw AdminError(.notFound, "No topic route info in name server for the topic: \(name)")
            }
            let clients = try options.required("ipList").split(separator: ",").map(String.init)
            let queues = route.queues.sorted { $0.brokerName < $1.brokerName }.flatMap { queue in
                (0..<queue.readQueueCount).map {
                    MessageQueue(topic: name, brokerName: queue.brokerName, queueId: $0)
                }
            }
            // As clients share them: equal runs, the first ones longer where it does not come out even.
            var shares = JSONObject()
            var next = 0
            for (index, client) in clients.enumerated() {
                let count = queues.count / clients.count + (index < queues.count % clients.count ? 1 : 0)
                shares.append(client, .array(queues[next..<next + count].map(\.json)))
                next += count
            }
            let json: JSONValue = ["result": .object(shares)]
            return CommandOutput(lines: [json.serializedText], json: json)
        })

    static let statsAll = Command(
        name: "statsAll", summary: "Topic and Consumer tps stats.",
        options: [
            CommandOption("a", "activeTopic", "print active topic only", takesValue: false),
            CommandOption("t", "topic", "print select topic only"),
        ],
        run: { options, admin in
            var rows = try await admin.statsAll(topic: options.string("topic"))
            if options.isGiven("activeTopic") { rows = rows.filter { $0.inOfDay > 0 || $0.outOfDay > 0 } }
            func line(_ columns: [String]) -> String {
                let left = "\(columns[0].front(64).padded(64))  \(columns[1].front(64).padded(64))"
                return zip(columns.dropFirst(2), [12, 11, 11, 14, 14]).reduce(left) { "\($0) \($1.0.paddedLeft($1.1))" }
            }
            let lines = rows.map { row in
                line([
                    row.topic, row.group ?? "", "\(row.behind)", row.inPerSecond.fixed(2),
                    row.group == nil ? "" : row.outPerSecond.fixed(2), "\(row.inOfDay)",
                    row.group == nil ? "NO_CONSUMER" : "\(row.outOfDay)",
                ])
            }
            let json = rows.map { row -> JSONValue in
                [
                    "topic": .string(row.topic), "group": row.group.map { .string($0) } ?? .null,
                    "accumulation": .integer(row.behind), "inTps": .double(row.inPerSecond),
                    "outTps": .double(row.outPerSecond), "inMsg24Hour": .integer(row.inOfDay),
                    "outMsg24Hour": .integer(row.outOfDay),
                ]
            }
            return CommandOutput(
                lines: [
                    line([
                        "#Topic", "#Consumer Group", "#Accumulation", "#InTPS", "#OutTPS", "#InMsg24Hour",
                        "#OutMsg24Hour",
                    ])
                ] + lines, json: .array(json))
        })
}
