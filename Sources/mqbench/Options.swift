import ArgumentParser
import BenchmarkLoad
import MessageModel

/// Where the load goes and how long.
struct CommonOptions: ParsableArguments {
    @Option(help: "Proxies, host:port, several separated by semicolons. Or --namesrv.")
    var proxy: String?

    @Option(
        name: [.customShort("n"), .long], help: "Name servers, host:port, separated by semicolons: remoting to brokers."
    )
    var namesrv: String?

    @Flag(help: "TLS to the proxies; certificates are not checked.")
    var tls = false

    @Option(name: [.short, .long], help: "Topics, separated by commas.")
    var topic = "bench"

    @Option(help: "Measured time in seconds.")
    var duration = 10.0

    @Option(help: "Time before that is not measured, in seconds.")
    var warmUp = 2.0

    @Option(help: "Longest wait for an answer, in seconds.")
    var timeout = 5.0

    @Option(help: "A server to measure, NAME=PID; may be repeated.")
    var pid: [String] = []

    @Flag(help: "Print the report as JSON.")
    var json = false

    @Flag(help: "No line each second.")
    var quiet = false

    func settings(_ work: LoadSettings.Work) throws -> LoadSettings {
        let target: LoadSettings.Target
        switch (proxy, namesrv) {
        case (let proxy?, nil): target = .proxies(try Self.addresses(proxy, "--proxy"), tls: tls)
        case (nil, let namesrv?): target = .nameServers(try Self.addresses(namesrv, "--namesrv"))
        default: throw ValidationError("give either --proxy or --namesrv")
        }
        var settings = LoadSettings(work: work, target: target, topics: topic.split(separator: ",").map(String.init))
        settings.durationMillis = try Self.millis(duration, "--duration")
        settings.warmUpMillis = try Self.millis(warmUp, "--warm-up")
        settings.timeoutMillis = try Self.millis(timeout, "--timeout")
        settings.meters = try pid.map { text in
            guard let meter = ProcessMeter(text) else { throw ValidationError("--pid \(text) is not NAME=PID") }
            return meter
        }
        return settings
    }

    private static func addresses(_ text: String, _ option: String) throws -> [HostPort] {
        let list = try text.split(separator: ";").map { part in
            guard let address = HostPort(parsing: String(part)) else {
                throw ValidationError("\(option) \(part) is not host:port")
            }
            return address
        }
        if list.isEmpty { throw ValidationError("\(option) names no address") }
        return list
    }

    static func millis(_ seconds: Double, _ option: String) throws -> Int64 {
        guard seconds >= 0, seconds <= 1e8 else { throw ValidationError("\(option) \(seconds) is out of range") }
        return Int64(seconds * 1_000)
    }
}

/// How messages are sent.
struct ProducingOptions: ParsableArguments {
    @Option(help: "Bytes of a body, at least 16.")
    var size = 1_024

    @Option(help: "Connections that send.")
    var producers = 8

    @Option(help: "Most sends without an answer, per connection; 1 sends one after the other.")
    var inFlight = 32

    @Option(
        help: """
            Messages per second of all producers together; above 1000 they leave in steps of a millisecond. Without it as \
            fast as answers come.
            """)
    var rate: Double?

    @Option(help: "Send FIFO messages of so many message groups.")
    var fifoGroups = 0

    @Option(help: "Send messages that are delivered so many seconds later.")
    var delay = 0.0

    func apply(to settings: inout LoadSettings) throws {
        settings.messageBytes = size
        settings.producers = producers
        settings.inFlight = inFlight
        settings.ratePerSecond = rate
        settings.fifoGroups = fifoGroups
        settings.delayMillis = try CommonOptions.millis(delay, "--delay")
    }
}

/// How messages are received.
struct ConsumingOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "Consumer group.")
    var group = "mqbench"

    @Option(help: "Connections that receive.")
    var consumers = 8

    @Option(help: "Messages asked for at once.")
    var batch = 32

    @Option(help: "How long received messages stay invisible to others, in seconds (gRPC).")
    var invisible = 60.0

    @Option(help: "How long a receive waits at the server, in seconds.")
    var poll = 5.0

    @Option(help: "Where a group without offset begins: earliest or latest (remoting).")
    var from = "earliest"

    func apply(to settings: inout LoadSettings) throws {
        guard let start = LoadSettings.Start(rawValue: from) else {
            throw ValidationError("--from \(from) is neither earliest nor latest")
        }
        settings.group = group
        settings.consumers = consumers
        settings.batchSize = batch
        settings.invisibleMillis = try CommonOptions.millis(invisible, "--invisible")
        settings.pollMillis = try CommonOptions.millis(poll, "--poll")
        settings.start = start
    }
}
