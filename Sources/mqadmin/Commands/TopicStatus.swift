import AdminClient
import MessageModel

extension Command {
    static let topicStatus = Command(
        name: "topicStatus", summary: "Examine topic Status info.",
        options: [
            CommandOption("t", "topic", "topic name", isRequired: true),
            CommandOption("c", "cluster", "only the brokers of this cluster"),
        ],
        run: { options, admin in
            let status = try await admin.topicStatus(try options.required("topic"), cluster: options.string("cluster"))
            func line(_ columns: [String]) -> String {
                zip(columns, [32, 4, 20, 20]).map { $0.padded($1) + "  " }.joined() + "  " + (columns.last ?? "")
            }
            var lines = [line(["#Broker Name", "#QID", "#Min Offset", "#Max Offset", "#Last Updated"])]
            for row in status.rows {
                let updated = row.offset.lastUpdateTimestampMillis
                lines.append(
                    line([
                        row.queue.brokerName.front(32), "\(row.queue.queueId)", "\(row.offset.minOffset)",
                        "\(row.offset.maxOffset)", updated > 0 ? LocalTime.text(millis: updated) : "",
                    ]))
            }
            lines += ["", "Topic Put TPS: \(status.putTps)"]
            let rows = status.rows.map { row -> JSONValue in
                [
                    "brokerName": .string(row.queue.brokerName), "queueId": .integer(Int64(row.queue.queueId)),
                    "minOffset": .integer(row.offset.minOffset), "maxOffset": .integer(row.offset.maxOffset),
                    "lastUpdateTimestamp": .integer(row.offset.lastUpdateTimestampMillis),
                ]
            }
            return CommandOutput(
                lines: lines, json: ["queues": .array(rows), "topicPutTps": .double(status.putTps)])
        })
}
