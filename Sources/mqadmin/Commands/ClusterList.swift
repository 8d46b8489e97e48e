import AdminClient
import MessageModel

extension Command {
    static let clusterList = Command(
        name: "clusterList", summary: "List cluster infos.",
        options: [
            CommandOption("m", "moreStats", "Print more stats", takesValue: false),
            CommandOption("c", "clusterName", "which cluster"),
            CommandOption("i", "interval", "specify intervals numbers, it is in seconds; without it once"),
        ],
        run: { options, admin in
            try await rounds(everySeconds: try options.int32("interval", default: 0, in: 0...86_400), options) {
                let rows = try await admin.clusterList(cluster: options.string("clusterName"))
                return CommandOutput(
                    lines: options.isGiven("moreStats") ? moreLines(rows) : baseLines(rows),
                    json: .array(rows.map(json)))
            }
        })

    private static func json(_ row: ClusterListRow) -> JSONValue {
        var object: JSONObject = [
            "cluster": .string(row.cluster), "brokerName": .string(row.brokerName),
            "brokerId": .integer(row.brokerId), "address": .string(row.address),
            "runtime": .object(JSONObject(sorted: row.runtime) { .string($0) }),
        ]
        if let failure = row.failure { object.append("failure", .string(failure)) }
        return .object(object)
    }

    private static func baseLine(_ columns: [String]) -> String {
        // Width, filled on the left, blanks after it.
        let layout: [(Int, Bool, Int)] = [
            (22, false, 2), (22, false, 2), (4, false, 2), (22, false, 1), (16, false, 2), (16, true, 2),
            (30, true, 2), (22, false, 2), (11, true, 2), (12, false, 2), (8, false, 2), (10, true, 2), (0, false, 0),
        ]
        return zip(columns, layout).map { text, form in
            (form.1 ? text.paddedLeft(form.0) : text.padded(form.0)) + String(repeating: " ", count: form.2)
        }.joined()
    }

    private static func baseLines(_ rows: [ClusterListRow]) -> [String] {
        let now = LocalTime.nowMillis
        let title = baseLine([
            "#Cluster Name", "#Broker Name", "#BID", "#Addr", "#Version", "#InTPS(LOAD)", "#OutTPS(LOAD)",
            "#Timer(Progress)", "#PCWait(ms)", "#Hour", "#SPACE", "#ACTIVATED", "#STORE",
        ])
        return [title] + rows.map { baseLine(columns($0, nowMillis: now)) }
    }

    private static func columns(_ row: ClusterListRow, nowMillis: Int64) -> [String] {
        let runtime = row.runtime
        func text(_ key: String, _ fallback: String = "0") -> String { runtime[key] ?? fallback }
        func number(_ key: String) -> Double { runtime[key].flatMap(Double.init) ?? 0 }
        func rate(_ key: String) -> String {
            let first = text(key, "").split(separator: " ").first.flatMap { Double($0) } ?? 0
            return first.fixed(2).paddedLeft(9)
        }
        let load = { (pool: String) in
            "\(text("\(pool)ThreadPoolQueueSize")),\(text("\(pool)ThreadPoolQueueHeadWaitTimeMills"))ms"
        }
        let earliest = runtime["earliestMessageTimeStamp"].flatMap(Int64.init) ?? 0
        let hours = earliest > 0 ? Double(nowMillis - earliest) / 3_600_000 : 0
        let timer =
            "\(text("timerReadBehind"))-\(text("timerOffsetBehind"))(\((number("timerCongestNum") / 10_000).fixed(1))w, "
            + "\(number("timerEnqueueTps").fixed(1)), \(number("timerDequeueTps").fixed(1)))"
        return [
            row.cluster, row.brokerName, "\(row.brokerId)", row.address, text("brokerVersionDesc", ""),
            "\(rate("putTps"))(\(load("send")))", "\(rate("getTransferredTps"))(\(load("pull"))|\(load("ack")))", timer,
            text("pageCacheLockTimeMills"), hours.fixed(2), number("commitLogDiskRatio").fixed(4),
            text("brokerActive", "false"),
            // Not Apache's: whether the broker takes messages, READ_ONLY after its disk failed. At the end, where it is in
            // nobody's way.
            text("storeStatus", "-"),
        ]
    }

    private static func moreLines(_ rows: [ClusterListRow]) -> [String] {
        func line(_ cluster: String, _ broker: String, _ numbers: [String]) -> String {
            "\(cluster.padded(16))  \(broker.padded(32)) "
                + numbers.map { $0.paddedLeft(14) }.joined(separator: " ")
        }
        let title = line(
            "#Cluster Name", "#Broker Name", ["#InTotalYest", "#OutTotalYest", "#InTotalToday", "#OutTotalToday"])
        return [title]
            + rows.map { row in
                func total(_ key: String) -> Int64 { row.runtime[key].flatMap(Int64.init) ?? 0 }
                let numbers = ["Put", "Get"].map { kind in
                    let today = total("msg\(kind)TotalTodayMorning")
                    return (today - total("msg\(kind)TotalYesterdayMorning"), total("msg\(kind)TotalTodayNow") - today)
                }
                return line(
                    row.cluster, row.brokerName,
                    [numbers[0].0, numbers[1].0, numbers[0].1, numbers[1].1].map { "\($0)" })
            }
    }
}
