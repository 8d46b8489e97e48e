import AdminClient
import MessageModel
import RemotingCodec

extension Command {
    private static let group = CommandOption("g", "consumerGroup", "consumer group name", isRequired: true)
    private static let broker = CommandOption("b", "brokerAddr", "ask this broker only, host:port")

    private static func clientLine(_ columns: [String]) -> String {
        zip(columns, [36, 22, 10, 0]).map { $0.padded($1) }.joined(separator: " ")
    }

    private static func clientLines(_ connections: [ClientConnection]) -> [String] {
        [clientLine(["#ClientId", "#ClientAddr", "#Language", "#Version"])]
            + connections.map {
                clientLine([$0.clientId, $0.address, $0.language.name, ProtocolVersion.name(of: $0.version)])
            }
    }

    static let consumerConnection = Command(
        name: "consumerConnection", summary: "Query consumer's socket connection, client version and subscription.",
        options: [group, broker],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let name = try options.required("consumerGroup")
            guard let found = try await admin.connections(ofGroup: name, broker: options.string("brokerAddr")) else {
                throw AdminError(.notFound, "the consumer group[\(name)] not online")
            }
            var lines = clientLines(found.connections)
            lines += ["", "Below is subscription:", "\("#Topic".padded(20)) #SubExpression"]
            lines += found.subscriptions.sorted { $0.key < $1.key }.map {
                "\($0.key.padded(20)) \($0.value.expression)"
            }
            lines += [
                "", "ConsumeType: \(found.consumeType?.rawValue ?? "")",
                "MessageModel: \(found.messageModel?.rawValue ?? "")",
                "ConsumeFromWhere: \(found.consumeFromWhere?.rawValue ?? "")",
            ]
            if !found.warnings.isEmpty { lines += [""] + found.warnings.map { "WARN: \($0)" } }
            return CommandOutput(lines: lines, json: found.json)
        })

    static let producer = Command(
        name: "producer", summary: "Query producer's instances, connection, status, etc.",
        options: [CommandOption("b", "broker", "broker address", isRequired: true)],
        worksWithoutNameServer: { _ in true },
        run: { options, admin in
            let table = try await admin.producers(of: try options.required("broker"))
            let lines = table.groups.sorted { $0.key < $1.key }.flatMap { group, producers in
                producers.map { producer in
                    "producer group (\(group)) instance : clientId=\(producer.connection.clientId),"
                        + "remoteIP=/\(producer.connection.address), language=\(producer.connection.language.name), "
                        + "version=\(producer.connection.version), lastUpdateTimestamp=\(producer.lastUpdateMillis)"
                }
            }
            return CommandOutput(lines: lines, json: table.json)
        })

    static let producerConnection = Command(
        name: "producerConnection", summary: "Query producer's socket connection and client version.",
        options: [
            CommandOption("g", "producerGroup", "producer group name", isRequired: true),
            CommandOption("t", "topic", "topic name", isRequired: true),
        ],
        run: { options, admin in
            let found = try await admin.producerConnections(
                group: try options.required("producerGroup"), topic: try options.required("topic"))
            return CommandOutput(
                lines: clientLines(found), json: ["connectionSet": .array(found.map(\.json))])
        })

    static let consumerStatus = Command(
        name: "consumerStatus", summary: "Query consumer's internal data structure.",
        options: [
            group, broker, CommandOption("i", "clientId", "The consumer's client id"),
            CommandOption("s", "jstack", "Run jstack command in the consumer progress", takesValue: false),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let answers = try await admin.consumerStatus(
                group: try options.required("consumerGroup"), clientID: options.string("clientId"),
                broker: options.string("brokerAddr"),
                isTraceWanted: options.isGiven("jstack"))
            var lines: [String] = []
            var json = JSONObject()
            for answer in answers {
                lines += ["#ClientId: \(answer.broker)"]
                lines.append(
                    answer.value.map { String(decoding: $0.serialize(pretty: true), as: UTF8.self) }
                        ?? "the client does not answer")
                json.append(answer.broker, answer.value ?? .null)
            }
            return CommandOutput(lines: lines, json: .object(json))
        })

    /// Apache's older name of the same.
    static let consumer = Command(
        name: "consumer", summary: "Query consumer's connection, status, etc.", options: consumerStatus.options,
        worksWithoutNameServer: consumerStatus.worksWithoutNameServer, run: consumerStatus.run)

    static let getConsumerStatus = Command(
        name: "getConsumerStatus", summary: "get consumer status from client.",
        options: [
            CommandOption("g", "group", "set the consumer group", isRequired: true),
            CommandOption("t", "topic", "set the topic", isRequired: true),
            CommandOption("i", "originClientId", "set the consumer clientId"),
        ],
        run: { options, admin in
            let (group, topic) = (try options.required("group"), try options.required("topic"))
            let client = options.string("originClientId") ?? ""
            let (status, remarks) = try await admin.clientOffsets(group: group, topic: topic, clientID: client)
            func line(_ columns: [String]) -> String {
                zip(columns, [50, 15, 15, 0]).map { $0.padded($1) }.joined(separator: "  ")
            }
            var lines = [
                "get consumer status from client. group=\(group), topic=\(topic), originClientId=\(client)",
                line(["#clientId", "#brokerName", "#queueId", "#offset"]),
            ]
            var rows: [JSONValue] = []
            for (client, offsets) in status.offsetsByClient.sorted(by: { $0.key < $1.key }) {
                let queues = offsets.sorted {
                    ($0.key.brokerName, $0.key.queueId) < ($1.key.brokerName, $1.key.queueId)
                }
                for (queue, offset) in queues {
                    lines.append(line([client.front(50), queue.brokerName, "\(queue.queueId)", "\(offset)"]))
                    rows.append([
                        "clientId": .string(client), "brokerName": .string(queue.brokerName),
                        "queueId": .integer(Int64(queue.queueId)), "offset": .integer(offset),
                    ])
                }
            }
            return CommandOutput(
                lines: lines + remarks, json: ["offsets": .array(rows), "remarks": .array(remarks.map { .string($0) })])
        })
}
