/// How long a message waits before it is delivered again after a failure.
package enum GroupRetryPolicy: Hashable, Sendable {
    /// A table of waits in milliseconds.
    case customized([Int64])
    case exponential(initialMillis: Int64, maxMillis: Int64, multiplier: Int64)

    /// Apache's table: 1 s to 2 h.
    package static let defaultDelaysMillis: [Int64] = [
        1_000, 5_000, 10_000, 30_000, 60_000, 120_000, 180_000, 240_000, 300_000, 360_000, 420_000, 480_000, 540_000,
        600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000,
    ]

    /// The policy of a group that sets none.
    package static let standard = GroupRetryPolicy.customized(defaultDelaysMillis)
    /// The exponential policy with Apache's numbers.
    package static let standardExponential = GroupRetryPolicy.exponential(
        initialMillis: 5_000, maxMillis: 7_200_000, multiplier: 2)

    /// The wait before the next delivery of a message that was delivered again `reconsumeTimes` times so far.
    package func delayMillis(reconsumeTimes: Int32) -> Int64 {
        switch self {
        case .customized(let delays):
            // Two steps in: the table is shared with the delay levels, whose first two are not used for retries.
            guard !delays.isEmpty else { return Self.standard.delayMillis(reconsumeTimes: reconsumeTimes) }
            let index = min(max(0, Int(reconsumeTimes)) + 2, delays.count - 1)
            return delays[index]
        case .exponential(let initial, let limit, let multiplier):
            var delay = initial
            for _ in 0..<min(max(0, reconsumeTimes), 32) {
                let (product, overflow) = delay.multipliedReportingOverflow(by: multiplier)
                if overflow || product >= limit { return limit }
                delay = product
            }
            return min(delay, limit)
        }
    }

    /// The form in bodies and `subscriptionGroup.json`.
    package var json: JSONValue {
        switch self {
        case .customized(let delays) where delays == Self.defaultDelaysMillis: ["type": "CUSTOMIZED"]
        case .customized(let delays):
            ["customizedRetryPolicy": ["next": .array(delays.map { .integer($0) })], "type": "CUSTOMIZED"]
        case .exponential(let initial, let limit, let multiplier):
            [
                "exponentialRetryPolicy": [
                    "initial": .integer(initial), "max": .integer(limit), "multiplier": .integer(multiplier),
                ],
                "type": "EXPONENTIAL",
            ]
        }
    }

    /// Reads the form in bodies and files.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "groupRetryPolicy")
        if try fields.string("type", default: "CUSTOMIZED").uppercased() == "EXPONENTIAL" {
            guard let policy = fields.value("exponentialRetryPolicy") else {
                self = .standardExponential
                return
            }
            let numbers = try JSONFields(policy, of: "exponentialRetryPolicy")
            self = .exponential(
                initialMillis: max(0, try numbers.int64("initial", default: 5_000)),
                maxMillis: max(0, try numbers.int64("max", default: 7_200_000)),
                multiplier: max(1, try numbers.int64("multiplier", default: 2)))
            return
        }
        guard let policy = fields.value("customizedRetryPolicy"),
            let next = try JSONFields(policy, of: "customizedRetryPolicy").array("next"), !next.isEmpty
        else {
            self = .standard
            return
        }
        var delays: [Int64] = []
        for element in next.prefix(256) {
            guard let delay = element.int64, delay >= 0 else {
                throw ModelError(.invalidField, "customizedRetryPolicy: next must hold milliseconds")
            }
            delays.append(delay)
        }
        self = .customized(delays)
    }
}
