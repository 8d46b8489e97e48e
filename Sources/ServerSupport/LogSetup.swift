import Logging
import Synchronization

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Log output of the programs: one line per event on standard error.
package enum LogSetup {
    /// Sends all loggers of the process to standard error. Call once, in `main`.
    package static func bootstrap(level: Logger.Level = .info) {
        setLevel(level)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: nil) }
    }

    /// Changes the level of all loggers that were not given one of their own.
    package static func setLevel(_ level: Logger.Level) {
        current.store(Logger.Level.allCases.firstIndex(of: level) ?? 0, ordering: .relaxed)
    }

    /// The level of all loggers that were not given one of their own.
    static var level: Logger.Level { Logger.Level.allCases[current.load(ordering: .relaxed)] }

    private static let current = Atomic<Int>(Logger.Level.allCases.firstIndex(of: .info) ?? 0)

    /// The level named by a configuration value or the environment variable `LOG_LEVEL`; info otherwise.
    package static func levelFromEnvironment() -> Logger.Level {
        guard let text = getenv("LOG_LEVEL") else { return .info }
        return Logger.Level(rawValue: String(cString: text).lowercased()) ?? .info
    }
}

/// Writes `time LEVEL label message key=value …` with one system call per event.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    /// The level of this logger alone once it is set; that of the process before.
    package var logLevel: Logger.Level {
        get { ownLevel ?? LogSetup.level }
        set { ownLevel = newValue }
    }
    private var ownLevel: Logger.Level?
    private let label: String
    private let descriptor: Int32

    /// A handler that writes to `descriptor`, standard error unless told.
    package init(label: String, level: Logger.Level?, descriptor: Int32 = STDERR_FILENO) {
        self.label = label
        ownLevel = level
        self.descriptor = descriptor
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    package func log(event: LogEvent) {
        var line = Self.timestamp()
        line += " \(event.level.rawValue.uppercased()) \(label): \(event.message)"
        var all = metadata
        if let more = event.metadata { all.merge(more) { _, new in new } }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += " \(key)=\(Self.quoted(value.description))"
        }
        if let error = event.error { line += " error=\(Self.quoted(String(describing: error)))" }
        line += "\n"
        line.withUTF8 { bytes in
            // A log line that cannot be written is lost: there is nowhere left to say so.
            _ = write(descriptor, bytes.baseAddress, bytes.count)
        }
    }

    /// Values with blanks, quotes or control characters are quoted, so that a line stays one line.
    static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != 0x7F }
        if plain, !text.isEmpty { return text }
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    out += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }

    /// UTC time with milliseconds, RFC 3339.
    static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var seconds = now.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = ""
        text.reserveCapacity(24)
        func pad(_ value: Int, _ width: Int) {
            let digits = String(value)
            for _ in 0..<max(0, width - digits.count) { text += "0" }
            text += digits
        }
        pad(Int(parts.tm_year) + 1900, 4)
        text += "-"
        pad(Int(parts.tm_mon) + 1, 2)
        text += "-"
        pad(Int(parts.tm_mday), 2)
        text += "T"
        pad(Int(parts.tm_hour), 2)
        text += ":"
        pad(Int(parts.tm_min), 2)
        text += ":"
        pad(Int(parts.tm_sec), 2)
        text += "."
        pad(now.tv_nsec / 1_000_000, 3)
        return text + "Z"
    }
}
