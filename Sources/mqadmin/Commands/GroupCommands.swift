import AdminClient
import MessageModel
import RemotingCodec

extension Command {
    private static let group = CommandOption("g", "consumerGroup", "consumer group name", isRequired: true)

    static let deleteSubGroup = Command(
        name: "deleteSubGroup", summary: "Delete subscription group from broker.",
        options: targetOptions + [
            CommandOption("g", "groupName", "subscription group name", isRequired: true),
            CommandOption("r", "removeOffset", "remove offset (true|false)"),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let name = try options.required("groupName")
            let brokers = try await admin.deleteSubscriptionGroup(
                name, cleanOffset: try options.bool("removeOffset", default: false), on: try target(options))
            return CommandOutput(
                lines: brokers.map { "delete subscription group [\(name)] from broker [\($0)] success." },
                json: ["brokers": .array(brokers.map { .string($0) })])
        })

    static let getConsumerConfig = Command(
        name: "getConsumerConfig", summary: "Get consumer config by subscription group name.",
        options: [CommandOption("g", "groupName", "subscription group name", isRequired: true)],
        run: { options, admin in
            let name = try options.required("groupName")
            let configs = try await admin.consumerConfig(name)
            guard !configs.isEmpty else { throw AdminError(.notFound, "no broker has the group \(name)") }
            var lines: [String] = []
            for config in configs {
                lines.append("=============================\(config.broker)=============================")
                lines += (config.value.json.members ?? JSONObject()).map { member in
                    "\(member.key.text.padded(40))=  \(member.value.text ?? member.value.serializedText)"
                }
            }
            return CommandOutput(
                lines: lines,
                json: .array(configs.map { ["brokerName": .string($0.broker), "group": $0.value.json] }))
        })

    static let cloneGroupOffset = Command(
        name: "cloneGroupOffset", summary: "Clone offset from other group.",
        options: [
            CommandOption("s", "srcGroup", "set source consumer group", isRequired: true),
            CommandOption("d", "destGroup", "set destination consumer group", isRequired: true),
            CommandOption("t", "topic", "set the topic", isRequired: true),
            CommandOption("o", "offline", "the group or the topic is offline (true|false)"),
        ],
        run: { options, admin in
            let (source, destination) = (try options.required("srcGroup"), try options.required("destGroup"))
            let topic = try options.required("topic")
            let brokers = try await admin.cloneGroupOffset(from: source, to: destination, topic: topic)
            return CommandOutput(
                lines: ["clone group offset success. srcGroup[\(source)], destGroup=[\(destination)], topic[\(topic)]"],
                json: ["brokers": .array(brokers.map { .string($0) })])
        })

    private static func clientLine(_ columns: [String]) -> String {
        zip(columns, [36, 22, 10, 0]).map { $0.padded($1) }.joined(separator: " ")
    }

    private static func clientLines(_ connections: [ClientConnection]) -> [String] {
        [clientLine(["#ClientId", "#ClientAddr", "#Language", "#Version"])]
            + connections.map { clientLine([$0.clientId, $0.address, $0.language.name, "\($0.version)"]) }
    }

    static let consumerConnection = Command(
        name: "consumerConnection", summary: "Query consumer's socket connection, client version and subscription.",
        options: [group],
        run: { options, admin in
            let name = try options.required("consumerGroup")
            guard let found = try await admin.connections(ofGroup: name) else {
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
            return CommandOutput(lines: lines, json: found.json)
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
        options: [group, CommandOption("i", "clientId", "The consumer's client id")],
        run: { options, admin in
            let answers = try await admin.consumerStatus(
                group: try options.required("consumerGroup"), clientID: options.string("clientId"))
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
}
