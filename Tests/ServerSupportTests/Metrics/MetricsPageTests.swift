import Testing

@testable import ServerSupport

/// The text format 0.0.4 of Prometheus, and the bound on series.
@Suite struct MetricsPageTests {
    @Test func writesFamilies() {
        var page = MetricsPage(common: [MetricLabel("node_id", "a")], rowsMax: 10)
        page.add(.gauge, "topics", "How many", 3)
        page.add(
            .counter, "in_total", "Came",
            [MetricRow([MetricLabel("topic", "t")], 1), MetricRow([MetricLabel("x", true)], -2)])
        #expect(
            page.text == """
                # HELP topics How many
                # TYPE topics gauge
                topics{node_id="a"} 3
                # HELP in_total Came
                # TYPE in_total counter
                in_total{node_id="a",topic="t"} 1
                in_total{node_id="a",x="true"} -2

                """)
    }

    @Test func withoutLabelsThereAreNoBraces() {
        var page = MetricsPage(common: [], rowsMax: 10)
        page.add(.gauge, "up", "Up", 1)
        page.add(.gauge, "none", "Not told", [])
        #expect(page.text == "# HELP up Up\n# TYPE up gauge\nup 1\n")
    }

    @Test func escapesWhatWouldEndALine() {
        var page = MetricsPage(common: [], rowsMax: 10)
        page.add(.gauge, "m", "a\\b\n\"c\"", 0, labels: [MetricLabel("l", "x\"y\\z\nü} 9")])
        #expect(page.text == "# HELP m a\\\\b\\n\"c\"\n# TYPE m gauge\nm{l=\"x\\\"y\\\\z\\nü} 9\"} 0\n")
    }

    @Test(arguments: [("a b-c", "a_b_c"), ("9x", "_x"), ("", "_"), ("ok_1", "ok_1"), ("ü", "_"), ("a\n} 1", "a___1")])
    func namesHoldOnlyWhatTheyMay(_ given: String, _ written: String) {
        #expect(MetricLabel(given, "v").name == written)
        var page = MetricsPage(common: [], rowsMax: 1)
        page.add(.gauge, given, "", 1)
        #expect(page.text.hasSuffix("\(written) 1\n"))
    }

    @Test func aHistogramCountsSmallerOnesToo() {
        var page = MetricsPage(common: [MetricLabel("n", "1")], rowsMax: 1)
        page.add("size", "Bytes", MetricHistogram(bounds: [10, 20], counts: [2, 0, 3], sum: 99))
        #expect(
            page.text == """
                # HELP size Bytes
                # TYPE size histogram
                size_bucket{n="1",le="10"} 2
                size_bucket{n="1",le="20"} 2
                size_bucket{n="1",le="+Inf"} 5
                size_sum{n="1"} 99
                size_count{n="1"} 5

                """)
    }

    @Test func theRestIsOneSeries() {
        let rows = (0..<100).map { MetricRow([MetricLabel("topic", $0 < 10 ? "t0\($0)" : "t\($0)")], Int64($0)) }
        var page = MetricsPage(common: [], rowsMax: 3)
        page.add(.counter, "sum", "", rows.reversed())
        page.add(.gauge, "largest", "", rest: .largest, rows)
        let lines = page.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            lines == [
                "sum{topic=\"t00\"} 0", "sum{topic=\"t01\"} 1", "sum{otel_metric_overflow=\"true\"} 4949",
                "largest{topic=\"t00\"} 0", "largest{topic=\"t01\"} 1", "largest{otel_metric_overflow=\"true\"} 99",
            ])
        // As many as allowed are told each for itself.
        var exact = MetricsPage(common: [], rowsMax: 100)
        exact.add(.counter, "sum", "", rows)
        #expect(!exact.text.contains("overflow"))
    }

    @Test func numbersAreWrittenWhole() {
        #expect(MetricText.number(0) == "0")
        #expect(MetricText.number(Double(1 << 52)) == "4503599627370496")
        #expect(MetricText.number(1.5) == "1.5")
        #expect(MetricText.number(.infinity) == "+Inf" && MetricText.number(-.infinity) == "-Inf")
        #expect(MetricText.number(.nan) == "NaN")
    }
}

/// The keys of the port.
@Suite struct MonitorSettingsTests {
    private func settings(_ text: String) throws -> MonitorSettings {
        var reader = ConfigurationReader(try PropertiesFile.parse(Array(text.utf8), file: "broker.conf"))
        let settings = try MonitorSettings(&reader)
        _ = try reader.finish()
        return settings
    }

    @Test func theDefaultIsNoPort() throws {
        let settings = try settings("")
        #expect(!settings.isEnabled && settings.port == 5_557 && settings.host == nil && settings.labels.isEmpty)
    }

    @Test func readsAllKeys() throws {
        let settings = try settings(
            """
            metricsExporterType=prom
            metricsPromExporterHost=10.0.0.1
            metricsPromExporterPort=5558
            metricsLabel=zone:a,team:x-y
            metricsOtelCardinalityLimit=7

            """)
        #expect(settings.isEnabled && settings.host == "10.0.0.1" && settings.port == 5_558 && settings.seriesMax == 7)
        #expect(settings.labels == [MetricLabel("zone", "a"), MetricLabel("team", "x-y")])
    }

    @Test(arguments: [
        ("metricsExporterType=OTLP_GRPC", "\"OTLP_GRPC\" is not offered: DISABLE"),
        ("metricsExporterType=LOG", "\"LOG\" is not offered: DISABLE"),
        ("metricsExporterType=PROMETHEUS", "is not offered"),
        ("metricsPromExporterPort=70000", "out of range"),
        ("metricsLabel=a", "\"a\" is not name:value"),
        ("metricsLabel=a:b:c", "is not name:value"),
        ("metricsLabel=a b:c", "is not name:value"),
        ("metricsLabel=__a:c", "is not name:value"),
        ("metricsLabel=topic:c", "the label topic is there already"),
        ("metricsLabel=a:b,a:c", "the label a is there already"),
        ("metricsOtelCardinalityLimit=0", "out of range"),
    ])
    func refusesWhatMeansNothing(_ line: String, _ sentence: String) {
        let error = #expect(throws: ConfigurationError.self) { try settings(line + "\n") }
        #expect("\(String(describing: error))".contains(sentence), "\(String(describing: error))")
    }
}
