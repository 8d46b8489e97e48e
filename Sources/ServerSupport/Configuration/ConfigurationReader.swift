import MessageModel

/// Turns the entries of a configuration into typed values, once, at start-up.
///
/// Read every key that the program knows, then call `finish`: what is left in the file is either a key that Apache has
/// and we do not need (one warning line) or unknown (an error that names the nearest valid key).
package struct ConfigurationReader: Sendable {
    private let source: ConfigurationSource
    /// Keys of Apache that mean nothing here.
    private let ignoredKeys: Set<String>
    private var overrides: [String: (text: String, origin: String)] = [:]
    private var read: Set<String> = []
    private var effective: [(key: String, value: String)] = []

    /// Creates a reader; `ignoredKeys` are accepted with a warning.
    package init(_ source: ConfigurationSource, ignoredKeys: Set<String> = []) {
        self.source = source
        self.ignoredKeys = ignoredKeys
    }

    /// Sets a key from the command line; it wins over the file.
    package mutating func override(_ key: String, with text: String, origin: String) {
        overrides[key] = (text, origin)
    }

    /// Whether the file or the command line gives the key.
    package func isGiven(_ key: String) -> Bool {
        overrides[key] != nil || source.entry(key) != nil
    }

    /// A text value.
    package mutating func string(_ key: String, default fallback: String) throws(ConfigurationError) -> String {
        let value = given(key)?.text ?? fallback
        record(key, value)
        return value
    }

    /// A text value that must not appear in a listing of effective values.
    package mutating func secret(_ key: String) throws(ConfigurationError) -> String? {
        let value = given(key)?.text
        record(key, value == nil ? "" : "******")
        return value
    }

    /// A text value without default.
    package mutating func optionalString(_ key: String) throws(ConfigurationError) -> String? {
        let value = given(key)?.text
        record(key, value ?? "")
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A whole number within bounds.
    package mutating func integer(
        _ key: String, default fallback: Int, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        guard let given = given(key) else {
            record(key, String(fallback))
            return fallback
        }
        guard let value = Int(given.text) else {
            throw error(.invalidValue, key, given, "\"\(given.text)\" is not a whole number")
        }
        guard range.contains(value) else {
            throw error(
                .outOfRange, key, given, "\(value) is out of range, \(range.lowerBound) to \(range.upperBound)")
        }
        record(key, String(value))
        return value
    }

    /// `true` or `false`.
    package mutating func bool(_ key: String, default fallback: Bool) throws(ConfigurationError) -> Bool {
        guard let given = given(key) else {
            record(key, String(fallback))
            return fallback
        }
        let value: Bool
        switch given.text.lowercased() {
        case "true": value = true
        case "false": value = false
        default: throw error(.invalidValue, key, given, "\"\(given.text)\" is neither true nor false")
        }
        record(key, String(value))
        return value
    }

    /// One of the names of an enumeration.
    package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default fallback: Choice
    ) throws(ConfigurationError) -> Choice {
        guard let given = given(key) else {
            record(key, fallback.rawValue)
            return fallback
        }
        let wanted = given.text.lowercased()
        guard let value = Choice.allCases.first(where: { $0.rawValue.lowercased() == wanted }) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(.invalidValue, key, given, "\"\(given.text)\" is none of \(names)")
        }
        record(key, value.rawValue)
        return value
    }

    /// A list of texts: a JSON array of strings, or text split at `separator` with blanks trimmed.
    package mutating func list(
        _ key: String, separator: Character, default fallback: [String] = []
    ) throws(ConfigurationError) -> [String] {
        guard let given = given(key) else {
            record(key, fallback.joined(separator: String(separator)))
            return fallback
        }
        var values: [String] = []
        if case .array(let items)? = given.json {
            for item in items {
                guard case .string(let text) = item else {
                    throw error(.invalidValue, key, given, "every element must be a string")
                }
                values.append(text)
            }
        } else {
            values = given.text.split(separator: separator).map { trim($0) }.filter { !$0.isEmpty }
        }
        record(key, values.joined(separator: String(separator)))
        return values
    }

    /// The error for a value that a caller found wrong after reading it.
    package func invalid(_ key: String, _ message: String) -> ConfigurationError {
        guard let given = given(key) else {
            return ConfigurationError(.invalidValue, file: source.file, key: key, message: message)
        }
        return error(.invalidValue, key, given, message)
    }

    /// Ends reading: fails on the first unknown key of the file, else tells what is in force.
    package func finish() throws(ConfigurationError) -> ConfigurationReport {
        var warnings = source.warnings
        for entry in source.entries where !read.contains(entry.key) {
            guard ignoredKeys.contains(entry.key) else {
                throw ConfigurationError(
                    .unknownKey, file: source.file, line: entry.line, key: entry.key,
                    nearestKey: NearestKey.find(entry.key, among: read, orIfNoneNear: ignoredKeys),
                    message: "is not a configuration key")
            }
            warnings.append("\(source.file):\(entry.line): \(entry.key) has no effect here")
        }
        return ConfigurationReport(effective: effective, warnings: warnings)
    }

    private struct Given {
        let text: String
        let json: JSONValue?
        let file: String
        let line: Int?
    }

    private func given(_ key: String) -> Given? {
        if let override = overrides[key] {
            return Given(text: override.text, json: nil, file: override.origin, line: nil)
        }
        return source.entry(key).map { Given(text: $0.text, json: $0.json, file: source.file, line: $0.line) }
    }

    private mutating func record(_ key: String, _ value: String) {
        read.insert(key)
        effective.append((key, value))
    }

    private func error(
        _ code: ConfigurationError.Code, _ key: String, _ given: Given, _ message: String
    ) -> ConfigurationError {
        ConfigurationError(code, file: given.file, line: given.line, key: key, message: message)
    }

    private func trim(_ text: Substring) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}

/// The outcome of reading a configuration.
package struct ConfigurationReport: Sendable {
    /// Every key read with the value in force, in reading order.
    package let effective: [(key: String, value: String)]
    /// One line per accepted key without effect and per repeated key.
    package let warnings: [String]

    /// The listing of `-p`: `key=value` per line.
    package var listing: String {
        effective.map { "\($0.key)=\($0.value)\n" }.joined()
    }
}
