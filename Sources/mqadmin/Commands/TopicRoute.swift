import AdminClient
import MessageModel

extension Command {
    static let topicRoute = Command(
        name: "topicRoute", summary: "Examine topic route info.",
        options: [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("l", "list", "Use list format to print data", takesValue: false),
        ],
        run: { options, admin in
            let topic = try options.required("topic")
            guard let route = try await admin.route(of: topic) else {
                throw AdminError(.notFound, "No topic route info in name server for the topic: \(topic)")
            }
            let lines =
                options.isGiven("list")
                ? routeTable(route) : [String(decoding: route.json.serialize(pretty: true), as: UTF8.self)]
            return CommandOutput(lines: lines, json: route.json)
        })

    private static func routeTable(_ route: TopicRoute) -> [String] {
        func line(_ columns: [String]) -> String {
            zip(columns, [45, 32, 50, 10, 11, 5]).map { $0.padded($1) }.joined(separator: " ")
        }
        var lines = [line(["#ClusterName", "#BrokerName", "#BrokerAddrs", "#ReadQueue", "#WriteQueue", "#Perm"])]
        var total = (read: 0, write: 0)
        for queue in route.queues {
            let broker = route.brokers.first { $0.brokerName == queue.brokerName }
            let addresses = (broker?.addresses ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.append(
                line([
                    broker?.cluster ?? "", queue.brokerName, "{\(addresses.joined(separator: ", "))}",
                    "\(queue.readQueueCount)", "\(queue.writeQueueCount)", "\(queue.permission.rawValue)",
                ]))
            total.read += Int(queue.readQueueCount)
            total.write += Int(queue.writeQueueCount)
        }
        lines.append(String(repeating: "-", count: 158))
        lines.append(line(["Total", "\(route.queues.count)", "", "\(total.read)", "\(total.write)", ""]))
        return lines
    }
}
