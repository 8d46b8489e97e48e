import AdminClient
import MessageModel

extension Command {
    private static let parentOption = CommandOption("p", "parentTopic", "parent topic name", isRequired: true)
    private static let groupOption = CommandOption("g", "group", "consumer group", isRequired: true)

    static let getBrokerLiteInfo = Command(
        name: "getBrokerLiteInfo", summary: "Get broker lite info.",
        options: targetOptions + [CommandOption("d", "showDetail", "show topic and group detail", takesValue: false)],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let answers = try await admin.brokerLiteInfo(on: try target(options))
            let hidden: Set<String> = options.isGiven("showDetail") ? [] : ["topicMeta", "groupMeta"]
            return output(answers, hiding: hidden)
        })

    static let getParentTopicInfo = Command(
        name: "getParentTopicInfo", summary: "Get parent topic info.", options: [parentOption],
        run: { options, admin in
            output(try await admin.liteInfo(.parent, parent: try options.required("parentTopic")))
        })

    static let getLiteTopicInfo = Command(
        name: "getLiteTopicInfo", summary: "Get lite topic info.",
        options: [
            parentOption, CommandOption("l", "liteTopic", "lite topic name", isRequired: true),
            CommandOption("s", "showClientId", "show the clients that subscribe to it", takesValue: false),
        ],
        run: { options, admin in
            let question = LiteQuestion.topic(try options.required("liteTopic"))
            return output(
                try await admin.liteInfo(question, parent: try options.required("parentTopic")),
                hiding: options.isGiven("showClientId") ? [] : ["subscriber"])
        })

    static let getLiteClientInfo = Command(
        name: "getLiteClientInfo", summary: "Get lite client info.",
        options: [
            parentOption, groupOption, CommandOption("c", "clientId", "client id", isRequired: true),
            CommandOption("s", "showDetail", "show its lite topics", takesValue: false),
        ],
        run: { options, admin in
            let question = LiteQuestion.client(
                group: try options.required("group"), clientID: try options.required("clientId"))
            return output(
                try await admin.liteInfo(question, parent: try options.required("parentTopic")),
                hiding: options.isGiven("showDetail") ? [] : ["liteTopicSet"])
        })

    static let getLiteGroupInfo = Command(
        name: "getLiteGroupInfo", summary: "Get lite group info.",
        options: [
            parentOption, groupOption, CommandOption("l", "liteTopic", "only this lite topic"),
            CommandOption("k", "topK", "lite topics where the group is most behind, 20 by default"),
        ],
        run: { options, admin in
            let question = LiteQuestion.group(
                try options.required("group"), lite: options.string("liteTopic"),
                max: try options.int32("topK", default: 20, in: 1...10_000))
            return output(try await admin.liteInfo(question, parent: try options.required("parentTopic")))
        })

    static let triggerLiteDispatch = Command(
        name: "triggerLiteDispatch", summary: "Trigger lite dispatch.",
        options: [
            parentOption, groupOption, CommandOption("c", "clientId", "only this client"),
            CommandOption("b", "brokerName", "only this broker"),
        ],
        run: { options, admin in
            let question = LiteQuestion.dispatch(
                group: try options.required("group"), clientID: options.string("clientId"))
            let answers = try await admin.liteInfo(
                question, parent: try options.required("parentTopic"), broker: options.string("brokerName"))
            return CommandOutput(
                lines: answers.map { "\($0.broker): dispatch triggered" },
                json: ["brokers": .array(answers.map { .string($0.broker) })])
        })

    /// One block of lines for each broker, one line for each member.
    private static func output(_ answers: [LiteAnswer], hiding hidden: Set<String> = []) -> CommandOutput {
        var lines: [String] = []
        for answer in answers {
            if !lines.isEmpty { lines.append("") }
            lines.append("[\(answer.broker)]")
            for member in answer.info.members ?? JSONObject() where !hidden.contains(member.key.text) {
                let value = member.value.text ?? member.value.serializedText
                lines.append("\(member.key.text.padded(30))\(value)")
            }
        }
        let brokers = JSONObject(
            sorted: Dictionary(answers.map { ($0.broker, $0.info) }) { first, _ in first }
        ) { $0 }
        return CommandOutput(lines: lines, json: .object(brokers))
    }
}
