/// The version of a config table; two tables are the same only when all three numbers are.
package struct DataVersion: Hashable, Sendable {
    /// The master's epoch in modes with failover.
    package var stateVersion: Int64
    /// When the table changed last.
    package var timestampMillis: Int64
    /// How often it changed.
    package var counter: Int64

    /// Makes a version.
    package init(stateVersion: Int64 = 0, timestampMillis: Int64 = 0, counter: Int64 = 0) {
        self.stateVersion = stateVersion
        self.timestampMillis = timestampMillis
        self.counter = counter
    }

    /// Counts one more change.
    package mutating func advance(nowMillis: Int64, stateVersion: Int64 = 0) {
        self.stateVersion = stateVersion
        timestampMillis = nowMillis
        counter &+= 1
    }

    /// The form in bodies and config files.
    package var json: JSONValue {
        [
            "counter": .integer(counter), "stateVersion": .integer(stateVersion),
            "timestamp": .integer(timestampMillis),
        ]
    }

    /// Reads the form in bodies and config files.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "data version")
        self.init(
            stateVersion: try fields.int64("stateVersion", default: 0),
            timestampMillis: try fields.int64("timestamp", default: 0), counter: try fields.int64("counter", default: 0)
        )
    }
}
