import NIOCore
import ProtoMessages

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The program `mqdemo`: sends one message through a proxy, receives it and acknowledges it.
@main
enum DemoProgram {
    static let usage = """
        usage: mqdemo [--endpoint <host:port>] [--topic <name>] [--group <name>]
         --endpoint <host:port>   gRPC port of a proxy (127.0.0.1:8081)
         --topic <name>           an existing topic (demo)
         --group <name>           consumer group (demo-group)
         -h, --help               print this help
        exit status: 0 the message came back, 1 it did not, 2 wrong arguments
        """
    static let pollCountMax = 6

    static func main() async {
        var values = ["--endpoint": "127.0.0.1:8081", "--topic": "demo", "--group": "demo-group"]
        var rest = CommandLine.arguments.dropFirst()
        while let name = rest.popFirst() {
            if name == "-h" || name == "--help" { return print(usage) }
            guard values[name] != nil else { stop("unknown argument \(name)\n\(usage)", status: 2) }
            guard let value = rest.popFirst() else { stop("\(name) needs a value", status: 2) }
            values[name] = value
        }
        let endpoint = values["--endpoint", default: ""]
        guard let colon = endpoint.lastIndex(of: ":"), colon != endpoint.startIndex,
            let port = UInt16(endpoint[endpoint.index(after: colon)...])
        else { stop("--endpoint \(endpoint) is not host:port", status: 2) }
        do throws(DemoFailure) {
            let client = try await DemoClient(
                host: String(endpoint[..<colon]), port: Int(port), topic: values["--topic", default: ""],
                group: values["--group", default: ""])
            try await run(client)
        } catch {
            stop(error.message, status: 1)
        }
    }

    private static func run(_ client: DemoClient) async throws(DemoFailure) {
        let id = try await client.send("Hello from mqdemo")
        print("sent         \(id)")
        for _ in 0..<pollCountMax {
            for message in try await client.receive() {
                try await client.acknowledge(message)
                print("received     \(message.id)  \"\(String(buffer: message.body))\"")
                print("acknowledged \(message.id)")
                if message.id == id { return }
            }
        }
        throw DemoFailure(message: "the message \(id) was sent but did not come back")
    }

    private static func stop(_ message: String, status: Int32) -> Never {
        let line = "mqdemo: \(message)\n"
        write(STDERR_FILENO, line, line.utf8.count)
        exit(status)
    }
}
