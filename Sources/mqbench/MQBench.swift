import ArgumentParser
import BenchmarkLoad
import Logging
import NIOPosix

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The program `mqbench`: load against proxies or brokers, ours or Apache's, with latencies that can be trusted.
struct MQBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mqbench",
        abstract: "Puts load on RocketMQ servers and measures them.",
        discussion: """
            The topics must exist. Messages carry sequence numbers, so that lost and repeated ones are counted. \
            Latency is counted from the time a message was due to be sent, also when the server held it up.
            Exit status: 0 all went well, 1 messages were lost or calls failed, 2 wrong arguments, 3 no run.
            """,
        subcommands: [Produce.self, Consume.self, EndToEnd.self])
}

/// Starts the program. As in all of our programs a wrong command line is status 2, not ArgumentParser's 64.
@main
enum BenchProgram {
    static func main() async {
        do {
            var command = try MQBench.parseAsRoot()
            if var work = command as? any AsyncParsableCommand { try await work.run() } else { try command.run() }
        } catch {
            let status = MQBench.exitCode(for: error)
            guard status == .validationFailure else { MQBench.exit(withError: error) }
            writeError(MQBench.fullMessage(for: error) + "\n")
            exit(2)
        }
    }
}

/// Sends.
struct Produce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Sends messages.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var producing: ProducingOptions

    func run() async throws {
        var settings = try common.settings(.produce)
        try producing.apply(to: &settings)
        try await carryOut(settings, common)
    }
}

/// Receives and acknowledges.
struct Consume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Receives messages that were sent before.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var consuming: ConsumingOptions

    func run() async throws {
        var settings = try common.settings(.consume)
        try consuming.apply(to: &settings)
        try await carryOut(settings, common)
    }
}

/// Sends, receives and compares.
struct EndToEnd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "end-to-end", abstract: "Sends and receives messages and compares the two.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var producing: ProducingOptions
    @OptionGroup var consuming: ConsumingOptions

    func run() async throws {
        var settings = try common.settings(.endToEnd)
        try producing.apply(to: &settings)
        try consuming.apply(to: &settings)
        try await carryOut(settings, common)
    }
}

private func carryOut(_ settings: LoadSettings, _ options: CommonOptions) async throws {
    if let objection = settings.objection { throw ValidationError(objection) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var logger = Logger(label: "mqbench") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    let report: LoadReport
    do throws(LoadFailure) {
        report = try await LoadProgram.run(
            settings, on: group.next(), logger: logger,
            nowNanos: {
                var now = timespec()
                clock_gettime(CLOCK_REALTIME, &now)
                return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
            },
            progress: { line in
                if !options.quiet { writeError("\(line)\n") }
            })
    } catch {
        writeError("mqbench: \(error.message)\n")
        throw ExitCode(3)
    }
    print(options.json ? report.json.serializedText : report.text)
    try? await group.shutdownGracefully()
    if !report.isClean { throw ExitCode(1) }
}

private func writeError(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
