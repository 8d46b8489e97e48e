import MessageModel

/// The body of VIEW_BROKER_STATS_DATA: what was counted in the last minute, hour and day.
package struct BrokerStatsData: JSONBody, Hashable {
    /// One span of time.
    package struct Span: Sendable, Hashable {
        /// The sum over the span.
        package var sum: Int64
        /// The sum per second.
        package var perSecond: Double
        /// The sum per event; 0 without events.
        package var perEvent: Double

        /// A span.
        package init(sum: Int64 = 0, perSecond: Double = 0, perEvent: Double = 0) {
            self.sum = sum
            self.perSecond = perSecond
            self.perEvent = perEvent
        }

        fileprivate init(json: JSONValue?) throws(ModelError) {
            self.init()
            guard let json else { return }
            let fields = try JSONFields(json, of: "broker stats")
            sum = try fields.int64("sum", default: 0)
            perSecond = fields.value("tps")?.double ?? 0
            perEvent = fields.value("avgpt")?.double ?? 0
        }

        fileprivate var json: JSONValue {
            ["avgpt": .double(perEvent), "sum": .integer(sum), "tps": .double(perSecond)]
        }
    }

    /// The last minute.
    package var minute: Span
    /// The last hour.
    package var hour: Span
    /// The last day.
    package var day: Span

    /// Figures.
    package init(minute: Span = Span(), hour: Span = Span(), day: Span = Span()) {
        self.minute = minute
        self.hour = hour
        self.day = day
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "broker stats")
        self.init(
            minute: try Span(json: fields.value("statsMinute")), hour: try Span(json: fields.value("statsHour")),
            day: try Span(json: fields.value("statsDay")))
    }

    /// The JSON form.
    package var json: JSONValue {
        ["statsDay": day.json, "statsHour": hour.json, "statsMinute": minute.json]
    }
}
