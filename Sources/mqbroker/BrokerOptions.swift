/// The command line of `mqbroker`, with Apache's options.
struct BrokerOptions {
    static let usage = """
        usage: mqbroker [-n <list>] [-c <file>] [-p] [-m] [--check] [-h]
         -n,--namesrvAddr <list>     name servers, host:port joined by ;
         -c,--configFile <file>      broker config file, key=value lines (broker.conf)
         -p,--printConfigItem        print the configuration in force and exit
         -m,--printImportantConfig   print the configuration that is set most often and exit
         --check                     compare log, queues and index of a stopped broker, print differences and exit
         -h,--help                   print this help
        """

    /// What is wrong with a command line.
    struct Problem: Error {
        let message: String
    }

    /// What to print instead of serving.
    enum Listing {
        case all
        case important
    }

    var nameServers: String?
    var configPath: String?
    var listing: Listing?
    var isHelpWanted = false
    var isCheckWanted = false

    static func parse(_ arguments: [String]) -> Result<BrokerOptions, Problem> {
        var options = BrokerOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            let name = argument.hasPrefix("--") ? parts.first ?? argument : argument
            let attached = argument.hasPrefix("--") && parts.count == 2 ? parts[1] : nil
            switch name {
            case "-n", "--namesrvAddr":
                guard let value = attached ?? rest.popFirst() else { return missingValue(name) }
                options.nameServers = value
            case "-c", "--configFile":
                guard let value = attached ?? rest.popFirst() else { return missingValue(name) }
                options.configPath = value
            case "-p", "--printConfigItem": options.listing = .all
            case "-m", "--printImportantConfig": options.listing = .important
            case "--check": options.isCheckWanted = true
            case "-h", "--help": options.isHelpWanted = true
            default: return .failure(Problem(message: "unknown argument \(argument)"))
            }
        }
        return .success(options)
    }

    private static func missingValue(_ name: String) -> Result<BrokerOptions, Problem> {
        .failure(Problem(message: "\(name) needs a value"))
    }

    /// The keys of `-m`.
    static let importantKeys: Set<String> = [
        "namesrvAddr", "brokerClusterName", "brokerName", "brokerId", "brokerRole", "brokerIP1", "brokerIP2",
        "bindAddress", "listenPort", "haListenPort", "autoCreateTopicEnable", "autoCreateSubscriptionGroup",
        "defaultTopicQueueNums", "brokerPermission", "flushDiskType", "storePathRootDir", "storePathCommitLog",
        "fileReservedTime", "deleteWhen", "maxMessageSize", "mappedFileSizeCommitLog", "diskMaxUsedSpaceRatio",
    ]
}
