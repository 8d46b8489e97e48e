import AdminClient
import MessageModel
import RemotingCodec

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension Command {
    private static let file = CommandOption(
        "f", "filename", "Path to a file with a list of configurations in json format", isRequired: true)

    static let updateTopicPerm = Command(
        name: "updateTopicPerm", summary: "Update topic perm.",
        options: targetOptions + [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("p", "perm", "set topic's permission(2|4|6), intro[2:W; 4:R; 6:RW]", isRequired: true),
        ],
        run: { options, admin in
            let perm = try options.int32("perm", default: 6, in: 0...7)
            let changes = try await admin.updateTopicPermission(
                try options.required("topic"), to: TopicPermission(rawValue: perm), on: try target(options))
            func before(_ change: PermissionChange) -> String { "\(change.before?.rawValue ?? 0)" }
            return CommandOutput(
                lines: changes.map {
                    "update topic perm from \(before($0)) to \(perm) in \($0.broker) success."
                },
                json: .array(
                    changes.map {
                        [
                            "broker": .string($0.broker),
                            "before": $0.before.map { .integer(Int64($0.rawValue)) } ?? .null,
                            "perm": .integer(Int64(perm)),
                        ]
                    }))
        })

    static let updateTopicList = Command(
        name: "updateTopicList", summary: "create or update topic in batch", options: targetOptions + [file],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let brokers = try await admin.updateTopicList(try list(options), on: try target(options))
            return submitted("topic", brokers)
        })

    static let updateSubGroupList = Command(
        name: "updateSubGroupList", summary: "Update or create subscription group in batch",
        options: targetOptions + [file],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let brokers = try await admin.updateSubscriptionGroupList(try list(options), on: try target(options))
            return submitted("subscription group", brokers)
        })

    private static func submitted(_ kind: String, _ brokers: [String]) -> CommandOutput {
        CommandOutput(
            lines: brokers.map { "submit batch of \(kind) config to \($0) success, please check the result later." },
            json: ["brokers": .array(brokers.map { .string($0) })])
    }

    /// Largest file of configurations.
    private static let fileBytesMax = 16 << 20

    private static func list(_ options: GivenOptions) throws -> JSONValue {
        let path = try options.required("filename")
        guard let file = fopen(path, "r") else {
            throw AdminError(.invalidArgument, "the file path \(path) does not exists")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            guard bytes.count <= fileBytesMax else {
                throw AdminError(.invalidArgument, "\(path) is larger than \(fileBytesMax) bytes")
            }
        }
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw AdminError(.invalidArgument, "\(path): \(error)")
        }
    }

    static let setConsumeMode = Command(
        name: "setConsumeMode", summary: "Set consume message mode. pull/pop etc.",
        options: targetOptions + [
            CommandOption("t", "topicName", "topic name", isRequired: true),
            CommandOption("g", "groupName", "consumer group name", isRequired: true),
            CommandOption("m", "mode", "consume mode. PULL/POP", isRequired: true),
            CommandOption("q", "popShareQueueNum", "num of queue which share in pop mode"),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            guard let mode = MessageRequestMode(rawValue: try options.required("mode")) else {
                throw UsageError(description: "--mode must be PULL or POP")
            }
            let setting = SetMessageRequestModeBody(
                topic: try options.required("topicName"), consumerGroup: try options.required("groupName"), mode: mode,
                popShareQueueCount: try options.int32("popShareQueueNum", default: 0, in: -1...65_536))
            let brokers = try await admin.setConsumeMode(setting, on: try target(options))
            return CommandOutput(
                lines: brokers.map { "set consume mode to \($0) success." } + [
                    "topic[\(setting.topic)] group[\(setting.consumerGroup)] consume mode[\(mode.rawValue)] "
                        + "popShareQueueNum[\(setting.popShareQueueCount)]"
                ],
                json: ["brokers": .array(brokers.map { .string($0) }), "setting": setting.json])
        })
}
