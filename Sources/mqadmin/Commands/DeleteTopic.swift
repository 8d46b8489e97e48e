import AdminClient
import MessageModel

extension Command {
    static let deleteTopic = Command(
        name: "deleteTopic", summary: "Delete topic from broker and NameServer.",
        options: [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("c", "clusterName", "delete topic from which cluster", isRequired: true),
        ],
        run: { options, admin in
            let topic = try options.required("topic")
            let cluster = try options.required("clusterName")
            let brokers = try await admin.deleteTopic(topic, cluster: cluster)
            return CommandOutput(
                lines: [
                    "delete topic [\(topic)] from cluster [\(cluster)] success.",
                    "delete topic [\(topic)] from NameServer success.",
                ],
                json: [
                    "topic": .string(topic), "cluster": .string(cluster),
                    "brokers": .array(brokers.map { .string($0) }),
                ])
        })
}
