#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The command line of `mqnamesrv`, with Apache's options.
struct NameServerOptions {
    static let usage = """
        usage: mqnamesrv [-c <file>] [-p] [-h]
         -c,--configFile <file>   name server config file, key=value lines (namesrv.conf)
         -p,--printConfigItem     print the configuration in force and exit
         -n,--namesrvAddr <list>  accepted, without effect
         -h,--help                print this help
        """

    /// What is wrong with a command line.
    struct Problem: Error {
        let message: String
    }

    var configPath: String?
    var isPrintWanted = false
    var isHelpWanted = false

    static func parse(_ arguments: [String]) -> Result<NameServerOptions, Problem> {
        var options = NameServerOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            let name = argument.hasPrefix("--") ? parts.first ?? argument : argument
            let attached = argument.hasPrefix("--") && parts.count == 2 ? parts[1] : nil
            switch name {
            case "-c", "--configFile":
                guard let value = attached ?? rest.popFirst() else { return missingValue(name) }
                options.configPath = value
            case "-n", "--namesrvAddr":
                guard attached ?? rest.popFirst() != nil else { return missingValue(name) }
            case "-p", "--printConfigItem": options.isPrintWanted = true
            case "-m", "--printImportantConfig": options.isPrintWanted = true
            case "-h", "--help": options.isHelpWanted = true
            default: return .failure(Problem(message: "unknown argument \(argument)"))
            }
        }
        return .success(options)
    }

    private static func missingValue(_ name: String) -> Result<NameServerOptions, Problem> {
        .failure(Problem(message: "\(name) needs a value"))
    }
}

/// The user's home directory, where settings are kept unless configured.
var homeDirectory: String {
    getenv("HOME").map { String(cString: $0) } ?? "."
}

/// The wall clock.
@Sendable func nowMillis() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
}
