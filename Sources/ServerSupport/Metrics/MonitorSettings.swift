/// Whether and where a program answers `GET /metrics` and `GET /health`: the keys that Apache's programs have for it.
package struct MonitorSettings: Sendable {
    /// Whether there is such a port (`metricsExporterType=PROM`).
    package var isEnabled = false
    /// The address to listen on; nil is that of the program's own port.
    package var host: String?
    /// The port.
    package var port = 5_557
    /// Labels that every series has besides the program's own.
    package var labels: [MetricLabel] = []
    /// Most series of one metric; Apache's default is 50,000.
    package var seriesMax = 2_000

    /// No port.
    package init() {}

    /// Reads the keys.
    package init(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        let type = try reader.string("metricsExporterType", default: "DISABLE")
        switch type.uppercased() {
        case "DISABLE": isEnabled = false
        case "PROM": isEnabled = true
        default:
            throw reader.invalid(
                "metricsExporterType",
                "\"\(type)\" is not offered: DISABLE (no metrics) and PROM (a port for Prometheus) are")
        }
        host = try reader.optionalString("metricsPromExporterHost")
        port = try reader.integer("metricsPromExporterPort", default: port, in: 0...65_535)
        seriesMax = try reader.integer("metricsOtelCardinalityLimit", default: seriesMax, in: 1...50_000)
        let text = try reader.string("metricsLabel", default: "")
        do throws(LabelProblem) {
            labels = try Self.labels(text)
        } catch {
            throw reader.invalid("metricsLabel", error.message)
        }
    }

    /// What is wrong with a list of labels.
    struct LabelProblem: Error {
        let message: String
    }

    private static let labelsMax = 16
    /// Names that series have of their own.
    private static let takenNames: Set<String> = [
        "cluster", "node_type", "node_id", "aggregation", "topic", "consumer_group", "message_type", "is_retry",
        "is_system", "language", "version", "consume_mode", "protocol_type", "storage_type", "storage_medium",
        "proxy_mode", "status", "reason", "le", "otel_metric_overflow", "quantile", "job", "instance",
    ]

    /// `k1:v1,k2:v2`
    static func labels(_ text: String) throws(LabelProblem) -> [MetricLabel] {
        var labels: [MetricLabel] = []
        for item in text.split(separator: ",") {
            let parts = item.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, MetricText.isName(parts[0]), !parts[0].hasPrefix("__") else {
                throw LabelProblem(
                    message: "\"\(item)\" is not name:value, with letters, digits and _ in the name")
            }
            guard !takenNames.contains(parts[0]), !labels.contains(where: { $0.name == parts[0] }) else {
                throw LabelProblem(message: "the label \(parts[0]) is there already")
            }
            labels.append(MetricLabel(parts[0], parts[1]))
        }
        guard labels.count <= labelsMax else { throw LabelProblem(message: "more than \(labelsMax) labels") }
        return labels
    }
}
