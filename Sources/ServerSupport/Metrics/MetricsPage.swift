/// A label of a time series.
package struct MetricLabel: Hashable, Sendable {
    /// Its name: a letter or `_`, then letters, digits and `_`.
    package var name: String
    /// Its value, any text.
    package var value: String

    /// A label; characters that no name may have become `_`.
    package init(_ name: String, _ value: String) {
        self.name = MetricText.name(name)
        self.value = value
    }

    /// A label that says whether.
    package init(_ name: String, _ value: Bool) { self.init(name, value ? "true" : "false") }
}

/// One time series of a family, at this moment.
package struct MetricRow: Sendable {
    /// What tells it from the others of its family.
    package var labels: [MetricLabel]
    /// Its value.
    package var value: Double

    /// A row.
    package init(_ labels: [MetricLabel], _ value: Int64) {
        self.labels = labels
        self.value = Double(value)
    }
}

/// How many things had which size, in classes that each hold those of the smaller ones too.
package struct MetricHistogram: Sendable {
    /// The largest size of each class but the last, ascending.
    package var bounds: [Int64]
    /// How many fell into each class alone; one more than there are bounds.
    package var counts: [Int64]
    /// All sizes together.
    package var sum: Int64

    /// A histogram.
    package init(bounds: [Int64], counts: [Int64], sum: Int64) {
        self.bounds = bounds
        self.counts = counts
        self.sum = sum
    }
}

/// What a program tells Prometheus, in its text format 0.0.4.
///
/// Each family has at most `rowsMax` series of its own: the rest, in the order of the labels, is told as one series with
/// the only label `otel_metric_overflow="true"`, as OpenTelemetry does and Apache's brokers with it.
package struct MetricsPage: Sendable {
    /// The type of a family.
    package enum Kind: String, Sendable {
        case counter
        case gauge
    }

    /// What the series of the rest says of those that it stands for.
    package enum Rest: Sendable {
        /// Their sum.
        case sum
        /// The largest of them.
        case largest
    }

    /// The media type of the format.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"
    /// The label of the series that stands for the rest.
    package static let overflowLabel = MetricLabel("otel_metric_overflow", "true")

    private let common: String
    private let rowsMax: Int
    /// The page so far.
    package private(set) var text = ""

    /// An empty page; `common` are the labels that every series has.
    package init(common: [MetricLabel], rowsMax: Int) {
        self.common = common.map(MetricText.label).joined(separator: ",")
        self.rowsMax = max(1, rowsMax)
    }

    /// Adds a family. Without rows nothing is said of it. A family must not be added twice.
    package mutating func add(_ kind: Kind, _ name: String, _ help: String, rest: Rest = .sum, _ rows: [MetricRow]) {
        guard !rows.isEmpty else { return }
        let name = MetricText.name(name)
        head(name, kind.rawValue, help)
        var labelled = rows.map { (labels: $0.labels.map(MetricText.label).joined(separator: ","), value: $0.value) }
        if labelled.count > rowsMax {
            labelled.sort { $0.labels < $1.labels }
            let others = labelled[(rowsMax - 1)...].map(\.value)
            labelled.removeSubrange((rowsMax - 1)...)
            let value = rest == .sum ? others.reduce(0, +) : others.max() ?? 0
            labelled.append((MetricText.label(Self.overflowLabel), value))
        }
        for row in labelled { line(name, row.labels, row.value) }
    }

    /// Adds a family of one series.
    package mutating func add(
        _ kind: Kind, _ name: String, _ help: String, _ value: Int64, labels: [MetricLabel] = []
    ) {
        add(kind, name, help, [MetricRow(labels, value)])
    }

    /// Adds a histogram of one series.
    package mutating func add(_ name: String, _ help: String, _ histogram: MetricHistogram) {
        let name = MetricText.name(name)
        head(name, "histogram", help)
        var below: Int64 = 0
        for (index, count) in histogram.counts.enumerated() {
            below += count
            let bound = index < histogram.bounds.count ? String(histogram.bounds[index]) : "+Inf"
            line(name + "_bucket", MetricText.label(MetricLabel("le", bound)), Double(below))
        }
        line(name + "_sum", "", Double(histogram.sum))
        line(name + "_count", "", Double(below))
    }

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(MetricText.escaped(help, quotes: false))\n# TYPE \(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ labels: String, _ value: Double) {
        let all = common.isEmpty || labels.isEmpty ? common + labels : common + "," + labels
        text += all.isEmpty ? name : "\(name){\(all)}"
        text += " \(MetricText.number(value))\n"
    }
}

/// The pieces of the text format.
enum MetricText {
    /// A name with what names may hold; `:` is left to those who aggregate.
    static func name(_ text: String) -> String {
        guard !isName(text) else { return text }
        var name = ""
        for scalar in text.unicodeScalars {
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
            let isDigit = ("0"..."9").contains(scalar)
            name.unicodeScalars.append(isLetter || (isDigit && !name.isEmpty) ? scalar : "_")
        }
        return name.isEmpty ? "_" : name
    }

    /// Whether a label may have the name.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    static func label(_ label: MetricLabel) -> String { "\(label.name)=\"\(escaped(label.value, quotes: true))\"" }

    static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || (quotes && $0 == 0x22) }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Whole numbers without a point, as far as a double counts exactly.
    static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return String(value)
    }
}
