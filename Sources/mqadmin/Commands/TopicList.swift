import AdminClient
import MessageModel

extension Command {
    static let topicList = Command(
        name: "topicList", summary: "Fetch all topic list from name server.",
        options: [
            CommandOption("c", "clusterModel", "with clusters and consumer groups", takesValue: false)
        ],
        run: { options, admin in
            guard options.isGiven("clusterModel") else {
                let topics = try await admin.topicList()
                return CommandOutput(lines: topics, json: ["topicList": .array(topics.map { .string($0) })])
            }
            let rows = try await admin.topicListWithGroups()
            func line(_ cluster: String, _ topic: String, _ group: String) -> String {
                "\(cluster.front(20).padded(20))  \(topic.front(48).padded(48))  \(group.front(48).padded(48))"
            }
            return CommandOutput(
                lines: [line("#Cluster Name", "#Topic", "#Consumer Group")]
                    + rows.map { line($0.cluster, $0.topic, $0.group) },
                json: .array(
                    rows.map { row in
                        ["cluster": .string(row.cluster), "topic": .string(row.topic), "group": .string(row.group)]
                    }))
        })
}
