/// An option of a command, in Apache's spelling.
struct CommandOption: Sendable {
    let short: String?
    let long: String
    /// Whether a value follows.
    let takesValue: Bool
    let isRequired: Bool
    let help: String

    init(_ short: String?, _ long: String, _ help: String, takesValue: Bool = true, isRequired: Bool = false) {
        self.short = short
        self.long = long
        self.help = help
        self.takesValue = takesValue
        self.isRequired = isRequired
    }

    static let help = CommandOption("h", "help", "Print help", takesValue: false)
    static let nameServers = CommandOption(
        "n", "namesrvAddr", "Name server address list, eg: '192.168.0.1:9876;192.168.0.2:9876' (or NAMESRV_ADDR)")
    static let json = CommandOption(nil, "json", "Print the result as JSON", takesValue: false)
    /// Options of every command.
    static let common = [help, nameServers, json]

    /// `-t,--topic <arg>` for help texts.
    var syntax: String { "\(short.map { "-\($0)," } ?? "")--\(long)\(takesValue ? " <arg>" : "")" }
}

/// A command line that the command cannot take: exit status 2.
struct UsageError: Error, CustomStringConvertible {
    let description: String
}

/// The options of one call, by long name.
struct GivenOptions: Sendable {
    private var values: [String: String] = [:]

    /// Reads `-t X`, `--topic X` and `--topic=X`; a value may begin with `-` or `+`.
    init(_ arguments: ArraySlice<String>, options: [CommandOption]) throws {
        var rest = arguments
        while let argument = rest.popFirst() {
            let (name, attached) = Self.split(argument)
            guard argument.hasPrefix("-"),
                let option = options.first(where: { "--\($0.long)" == name || $0.short.map { "-\($0)" } == name })
            else { throw UsageError(description: "unrecognized option: \(argument)") }
            if !option.takesValue {
                guard attached == nil else { throw UsageError(description: "\(name) takes no value") }
                values[option.long] = ""
                continue
            }
            guard let value = attached ?? rest.popFirst() else {
                throw UsageError(description: "missing argument for option: \(name)")
            }
            values[option.long] = value
        }
        if values[CommandOption.help.long] != nil { return }
        for option in options where option.isRequired && values[option.long] == nil {
            throw UsageError(description: "missing required option: \(option.syntax)")
        }
    }

    private static func split(_ argument: String) -> (name: String, attached: String?) {
        guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else { return (argument, nil) }
        return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
    }

    func isGiven(_ long: String) -> Bool { values[long] != nil }

    /// A text without blanks around it.
    func string(_ long: String) -> String? {
        values[long].map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
    }

    /// A text that must be there.
    func required(_ long: String) throws -> String {
        guard let value = string(long), !value.isEmpty else { throw UsageError(description: "--\(long) is required") }
        return value
    }

    func int32(_ long: String, default fallback: Int32, in range: ClosedRange<Int32>) throws -> Int32 {
        guard let text = string(long) else { return fallback }
        guard let number = Int32(text), range.contains(number) else {
            throw UsageError(
                description: "--\(long) must be a number from \(range.lowerBound) to \(range.upperBound), not \(text)")
        }
        return number
    }

    /// A large number; nil when it is not given.
    func int64(_ long: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = string(long) else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw UsageError(
                description: "--\(long) must be a number from \(range.lowerBound) to \(range.upperBound), not \(text)")
        }
        return number
    }

    /// Refuses a character set other than the only one there is.
    func checkUTF8(_ long: String) throws {
        guard let name = string(long), name.uppercased() != "UTF-8" else { return }
        throw UsageError(description: "--\(long) must be UTF-8, not \(name)")
    }

    func bool(_ long: String, default fallback: Bool) throws -> Bool {
        guard let text = string(long) else { return fallback }
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default: throw UsageError(description: "--\(long) must be true or false, not \(text)")
        }
    }
}
