import AdminClient
import MessageModel

extension Command {
    private static let namespace = CommandOption("s", "namespace", "set the namespace", isRequired: true)
    private static let key = CommandOption("k", "key", "set the key name", isRequired: true)
    private static let value = CommandOption("v", "value", "set the key value", isRequired: true)

    private static func done(_ line: String) -> CommandOutput {
        CommandOutput(lines: [line], json: ["result": .string(line)])
    }

    static let updateKvConfig = Command(
        name: "updateKvConfig", summary: "Create or update KV config.", options: [namespace, key, value],
        run: { options, admin in
            try await admin.updateKVConfig(
                namespace: try options.required("namespace"), key: try options.required("key"),
                value: try options.required("value"))
            return done("create or update kv config to namespace success.")
        })

    static let deleteKvConfig = Command(
        name: "deleteKvConfig", summary: "Delete KV config.", options: [namespace, key],
        run: { options, admin in
            try await admin.deleteKVConfig(
                namespace: try options.required("namespace"), key: try options.required("key"))
            return done("delete kv config from namespace success.")
        })

    static let updateOrderConf = Command(
        name: "updateOrderConf", summary: "Create or update or delete order conf.",
        options: [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("v", "orderConf", "set order conf, eg: brokerName1:num;brokerName2:num"),
            CommandOption("m", "method", "option type [eg: put|get|delete]", isRequired: true),
        ],
        run: { options, admin in
            let topic = try options.required("topic")
            switch try options.required("method") {
            case "get":
                guard let conf = try await admin.orderConf(of: topic) else {
                    throw AdminError(.notFound, "topic [\(topic)] has no order conf")
                }
                return CommandOutput(
                    lines: ["get orderConf success. topic=[\(topic)], orderConf=[\(conf)]"],
                    json: ["topic": .string(topic), "orderConf": .string(conf)])
            case "put":
                let conf = try options.required("orderConf")
                try await admin.setOrderConf(conf, of: topic)
                return done("update orderConf success. topic=[\(topic)], orderConf=[\(conf)]")
            case "delete":
                try await admin.setOrderConf(nil, of: topic)
                return done("delete orderConf success. topic=[\(topic)]")
            case let other: throw UsageError(description: "--method must be put, get or delete, not \(other)")
            }
        })

    static let wipeWritePerm = permission(
        "wipeWritePerm", "Wipe write perm of broker in all name server.", verb: "wipe write perm"
    ) { admin, broker in try await admin.wipeWritePermission(of: broker) }

    static let addWritePerm = permission(
        "addWritePerm", "Add write perm of broker in all name server.", verb: "add write perm"
    ) { admin, broker in try await admin.addWritePermission(of: broker) }

    private static func permission(
        _ name: String, _ summary: String, verb: String,
        _ change: @escaping @Sendable (AdminClient, String) async throws -> [BrokerAnswer<Int32>]
    ) -> Command {
        Command(
            name: name, summary: summary,
            options: [CommandOption("b", "brokerName", "broker name", isRequired: true)],
            run: { options, admin in
                let broker = try options.required("brokerName")
                let answers = try await change(admin, broker)
                return CommandOutput(
                    lines: answers.map { "\(verb) of broker[\(broker)] in name server[\($0.broker)] OK, \($0.value)" },
                    json: .array(
                        answers.map { ["nameServer": .string($0.broker), "topicCount": .integer(Int64($0.value))] }))
            })
    }

    static let getNamesrvConfig = Command(
        name: "getNamesrvConfig", summary: "Get configs of name server.", options: [],
        run: { _, admin in tables(try await admin.nameServerConfig(), separator: "= ") })

    static let updateNamesrvConfig = Command(
        name: "updateNamesrvConfig", summary: "Update configs of name server.", options: [key, value],
        run: { options, admin in
            let (key, value) = (try options.required("key"), options.string("value") ?? "")
            try await admin.updateNameServerConfig(key: key, value: value)
            return done("update name server config success! \(key) : \(value)")
        })
}
