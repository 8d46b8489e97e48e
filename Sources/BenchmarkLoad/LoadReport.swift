import MessageModel

/// The outcome of a run.
package struct LoadReport: Sendable {
    /// One direction: sends, or receives.
    package struct Flow: Sendable {
        /// Messages within the measured time.
        package var count: Int
        package var perSecond: Double
        package var megabytesPerSecond: Double
        /// From the planned time to the answer, or to the receipt.
        package var latency: LatencyRecorder.Summary
        package var failures: [String: Int]
    }

    /// One server.
    package struct ServerCost: Sendable {
        package var name: String
        package var pid: Int32
        /// Within the measured time.
        package var cpuSeconds: Double
        /// Nil when there was no message.
        package var cpuSecondsPer100k: Double?
        /// At the end of the measured time.
        package var anonymousBytes: Int
        /// At the end of the measured time, with mapped files.
        package var residentBytes: Int
    }

    package var settings: LoadSettings
    /// Length of the measured time.
    package var seconds: Double
    package var sends: Flow?
    package var receives: Flow?
    package var audit: DeliveryAudit.Result
    package var servers: [ServerCost]

    /// Whether something was lost or failed.
    package var isClean: Bool {
        audit.lost == 0 && (sends?.failures.isEmpty ?? true) && (receives?.failures.isEmpty ?? true)
    }

    static func millis(_ micros: UInt64) -> String {
        decimal(Double(micros) / 1_000, places: micros < 10_000 ? 2 : 1)
    }

    /// Rounded, without the help of Foundation.
    static func decimal(_ value: Double, places: Int) -> String {
        let factor = places == 0 ? 1.0 : places == 1 ? 10.0 : places == 2 ? 100.0 : 1_000.0
        guard value.isFinite, abs(value) < 1e15 else { return "-" }
        let scaled = Int64((value * factor).rounded())
        guard places > 0 else { return "\(scaled)" }
        let digits = "\(abs(scaled) % Int64(factor))"
        let fraction = String(repeating: "0", count: places - digits.count) + digits
        return (scaled < 0 ? "-" : "") + "\(abs(scaled) / Int64(factor)).\(fraction)"
    }
}

// MARK: - Text

extension LoadReport {
    /// The report for people.
    package var text: String {
        var lines: [String] = []
        if let sends { lines += Self.lines("sent", sends) }
        if let receives { lines += Self.lines("received", receives) }
        for server in servers {
            let cost = server.cpuSecondsPer100k.map { Self.decimal($0, places: 3) } ?? "-"
            lines.append(
                "\(server.name): \(Self.decimal(server.cpuSeconds, places: 2)) CPU-s, \(cost) CPU-s per 100k messages, "
                    + "memory \(server.anonymousBytes >> 20) MB, with mapped files \(server.residentBytes >> 20) MB")
        }
        lines.append("audit: " + auditText)
        return lines.joined(separator: "\n")
    }

    private static func lines(_ name: String, _ flow: Flow) -> [String] {
        let latency = flow.latency
        var lines = [
            "\(name): \(flow.count) messages, \(decimal(flow.perSecond, places: 0))/s, "
                + "\(decimal(flow.megabytesPerSecond, places: 1)) MB/s",
            "  latency ms: p50 \(millis(latency.p50)), p90 \(millis(latency.p90)), p99 \(millis(latency.p99)), "
                + "p99.9 \(millis(latency.p999)), max \(millis(latency.max)), mean \(millis(UInt64(latency.mean)))",
        ]
        for (code, count) in flow.failures.sorted(by: { $0.key < $1.key }) {
            lines.append("  failed: \(code): \(count)")
        }
        return lines
    }

    private var auditText: String {
        switch settings.work {
        case .produce: "\(audit.acknowledged) acknowledged, warm-up included"
        case .consume:
            "\(audit.received) different messages received, \(audit.gaps) missing between them, "
                + "\(audit.duplicates) duplicates, \(audit.foreign) of others"
        case .endToEnd:
            "\(audit.acknowledged) acknowledged, \(audit.received) received, \(audit.lost) lost, "
                + "\(audit.duplicates) duplicates, \(audit.foreign) of others"
        }
    }
}

// MARK: - JSON

extension LoadReport {
    /// The report for programs.
    package var json: JSONValue {
        var object: [String: JSONValue] = [
            "work": .string(settings.work.rawValue), "seconds": .double(seconds),
            "messageBytes": .integer(Int64(settings.messageBytes)),
            "audit": [
                "acknowledged": .integer(Int64(audit.acknowledged)), "received": .integer(Int64(audit.received)),
                "lost": .integer(Int64(audit.lost)), "gaps": .integer(Int64(audit.gaps)),
                "duplicates": .integer(Int64(audit.duplicates)), "foreign": .integer(Int64(audit.foreign)),
            ],
            "servers": .array(servers.map(\.json)),
        ]
        if let sends { object["sent"] = sends.json }
        if let receives { object["received"] = receives.json }
        return .object(JSONObject(sorted: object) { $0 })
    }
}

extension LoadReport.Flow {
    fileprivate var json: JSONValue {
        [
            "count": .integer(Int64(count)), "perSecond": .double(perSecond),
            "megabytesPerSecond": .double(megabytesPerSecond),
            "latencyMicros": [
                "mean": .double(latency.mean), "p50": .integer(Int64(latency.p50)), "p90": .integer(Int64(latency.p90)),
                "p99": .integer(Int64(latency.p99)), "p999": .integer(Int64(latency.p999)),
                "max": .integer(Int64(latency.max)),
            ],
            "failures": .object(JSONObject(sorted: failures) { .integer(Int64($0)) }),
        ]
    }
}

extension LoadReport.ServerCost {
    fileprivate var json: JSONValue {
        [
            "name": .string(name), "pid": .integer(Int64(pid)), "cpuSeconds": .double(cpuSeconds),
            "cpuSecondsPer100k": cpuSecondsPer100k.map { .double($0) } ?? .null,
            "anonymousBytes": .integer(Int64(anonymousBytes)), "residentBytes": .integer(Int64(residentBytes)),
        ]
    }
}
