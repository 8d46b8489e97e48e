import AdminClient
import MessageModel
import RemotingCodec

extension Command {
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
}
