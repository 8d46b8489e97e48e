#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The command line of `mqproxy`, with Apache's options.
struct ProxyOptions {
    static let usage = """
        usage: mqproxy [-n <list>] [-pc <file>] [-pm cluster|local] [-bc <file>] [-p] [-h]
         -n,--namesrvAddr <list>         name servers, host:port separated by semicolons
         -pc,--proxyConfigPath <file>    proxy config file (rmq-proxy.json)
         -pm,--proxyMode <mode>          cluster: brokers are elsewhere; local: broker and name server in this process
         -bc,--brokerConfigPath <file>   broker config file (broker.conf), for local mode
         -p,--printConfigItem            print the configuration in force and exit
         -h,--help                       print this help
        """

    /// What is wrong with a command line.
    struct Problem: Error {
        let message: String
    }

    var nameServers: String?
    var configPath: String?
    var mode: String?
    var brokerConfigPath: String?
    var isPrintWanted = false
    var isHelpWanted = false

    static func parse(_ arguments: [String]) -> Result<ProxyOptions, Problem> {
        var options = ProxyOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            let name = argument.hasPrefix("--") ? parts.first ?? argument : argument
            let attached = argument.hasPrefix("--") && parts.count == 2 ? parts[1] : nil
            func value() -> String? { attached ?? rest.popFirst() }
            switch name {
            case "-n", "--namesrvAddr":
                guard let text = value() else { return missingValue(name) }
                options.nameServers = text
            case "-pc", "--proxyConfigPath":
                guard let text = value() else { return missingValue(name) }
                options.configPath = text
            case "-pm", "--proxyMode":
                guard let text = value() else { return missingValue(name) }
                options.mode = text
            case "-bc", "--brokerConfigPath":
                guard let text = value() else { return missingValue(name) }
                options.brokerConfigPath = text
            case "-p", "--printConfigItem": options.isPrintWanted = true
            case "-h", "--help": options.isHelpWanted = true
            default: return .failure(Problem(message: "unknown argument \(argument)"))
            }
        }
        return .success(options)
    }

    private static func missingValue(_ name: String) -> Result<ProxyOptions, Problem> {
        .failure(Problem(message: "\(name) needs a value"))
    }

    /// An environment variable, when it is set to something.
    static func environment(_ name: String) -> String? {
        guard let text = getenv(name) else { return nil }
        let value = String(cString: text)
        return value.isEmpty ? nil : value
    }
}
