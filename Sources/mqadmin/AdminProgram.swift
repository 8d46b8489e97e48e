import AdminClient
import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingTransport
import ServerSupport

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The program `mqadmin`: one command per run. Exit status 0 done, 1 failed, 2 wrong usage.
@main
enum AdminProgram {
    static func main() async {
        exit(await run(Array(CommandLine.arguments.dropFirst())))
    }

    private static func run(_ arguments: [String]) async -> Int32 {
        guard let name = arguments.first, !["-h", "--help"].contains(name) else {
            Console.print(Command.overview)
            return arguments.isEmpty ? 2 : 0
        }
        if name == "help" { return help(arguments.dropFirst().first) }
        guard let command = find(name) else { return unknown(name) }
        do {
            let options = try GivenOptions(arguments.dropFirst(), options: command.allOptions)
            if options.isGiven(CommandOption.help.long) {
                Console.print(command.help)
                return 0
            }
            let output = try await execute(command, options)
            if options.isGiven(CommandOption.json.long) {
                Console.print(output.json.serializedText)
            } else if !output.lines.isEmpty {
                Console.print(output.lines.joined(separator: "\n"))
            }
            return 0
        } catch let error as UsageError {
            Console.printError("mqadmin \(command.name): \(error)\n\(command.help)")
            return 2
        } catch {
            Console.printError("mqadmin \(command.name): \(error)")
            return 1
        }
    }

    /// Apache's tool does not mind the case of command names.
    private static func find(_ name: String) -> Command? {
        Command.all.first { $0.name.lowercased() == name.lowercased() }
    }

    private static func help(_ name: String?) -> Int32 {
        guard let name else {
            Console.print(Command.overview)
            return 0
        }
        guard let command = find(name) else { return unknown(name) }
        Console.print(command.help)
        return 0
    }

    private static func unknown(_ name: String) -> Int32 {
        if let (name, reason) = Command.leftOut.first(where: { $0.key.lowercased() == name.lowercased() }) {
            Console.printError("mqadmin: there is no command '\(name)' here: \(reason).")
            return 2
        }
        let nearest = NearestKey.find(name, among: Set(Command.all.map(\.name)))
        let hint = nearest.map { " Did you mean '\($0)'?" } ?? ""
        Console.printError("mqadmin: the command '\(name)' does not exist.\(hint)\n\(Command.overview)")
        return 2
    }

    private static func execute(_ command: Command, _ options: GivenOptions) async throws -> CommandOutput {
        let nameServers = try nameServers(options, isOptional: command.worksWithoutNameServer(options))
        var logger = Logger(label: "mqadmin")
        logger.logLevel = .critical
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let client = RemotingClient(eventLoop: group.next(), logger: logger)
        let result: Result<CommandOutput, any Error>
        do {
            result = .success(try await command.run(options, AdminClient(client: client, nameServers: nameServers)))
        } catch {
            result = .failure(error)
        }
        client.shutdown()
        try? await group.shutdownGracefully()
        return try result.get()
    }

    private static func nameServers(_ options: GivenOptions, isOptional: Bool) throws -> [HostPort] {
        let option = CommandOption.nameServers
        guard let text = options.string(option.long) ?? Console.environment("NAMESRV_ADDR") else {
            if isOptional { return [] }
            throw UsageError(description: "no name server: give \(option.syntax) or set NAMESRV_ADDR")
        }
        guard let list = HostPort.list(parsing: text) else {
            throw UsageError(description: "\(text) is not a list of host:port separated by ';'")
        }
        return list
    }
}
