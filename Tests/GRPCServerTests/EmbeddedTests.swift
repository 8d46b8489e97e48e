import GRPCTestClient
import HTTP2Session
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import Testing

@testable import GRPCServer

/// A connection without a socket, on a loop whose time the test moves.
private final class EmbeddedServer {
    let channel = EmbeddedChannel()
    let log = EventLog()
    let loop: GRPCLoop
    private let now = NIOLockedValueBox<Int64>(1_000)

    init(id: UInt64 = 1, _ configure: (inout GRPCServerConfiguration) -> Void = { _ in }) throws {
        var configuration = GRPCServerConfiguration()
        configuration.messageBytesMax = 1 << 20
        configure(&configuration)
        loop = GRPCLoop(
            eventLoop: channel.embeddedEventLoop, configuration: configuration, service: EchoService(log: log),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            clock: { [now] in now.withLockedValue { $0 } })
        try channel.pipeline.syncOperations.addHandler(GRPCConnection(id: id, loop: loop))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// Feeds bytes and answers what the server wrote.
    func feed(_ bytes: [UInt8]) throws -> [UInt8] {
        if channel.isActive { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
        return try output()
    }

    func output() throws -> [UInt8] {
        channel.embeddedEventLoop.run()
        var all: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { all += buffer.readableBytesView }
        return all
    }

    /// Moves bytes both ways until neither side has any.
    func pump(_ client: HTTP2Client) throws {
        while true {
            let sent = client.drain()
            let answered = try sent.isEmpty ? output() : feed(sent)
            if !answered.isEmpty { client.receive(answered) }
            if sent.isEmpty && answered.isEmpty { return }
        }
    }

    func advance(millis: Int64) {
        now.withLockedValue { $0 += millis }
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(millis))
    }
}

@Suite struct EmbeddedTests {
    private static let park = EchoService.Method.park.path

    private func open(_ client: HTTP2Client, _ path: String, _ extra: [(String, String)] = []) -> Int32 {
        let id = client.open(GRPCTestClient.fields(path, extra))
        client.send(GRPCTestClient.frame([1]), on: id, isEnded: true)
        return id
    }

    @Test func deadlinesComeWhenTheirTimeHasCome() throws {
        let server = try EmbeddedServer()
        let client = HTTP2Client()
        let late = open(client, Self.park, [("grpc-timeout", "3S")])
        let later = open(client, Self.park, [("grpc-timeout", "20S")])
        let never = open(client, Self.park)
        try server.pump(client)
        server.advance(millis: 2_999)
        try server.pump(client)
        #expect(client.answers[late]?.isEnded == false)
        server.advance(millis: 40)
        try server.pump(client)
        #expect(client.answers[late]?.grpcStatus == 4)
        #expect(client.answers[later]?.isEnded == false)
        server.advance(millis: 17_000)
        try server.pump(client)
        #expect(client.answers[later]?.grpcStatus == 4)
        #expect(client.answers[never]?.isEnded == false)
        #expect(server.log.all.filter { $0.hasPrefix("cancelled") }.count == 2)
    }

    @Test func anAnswerNobodyReadsEndsWithItsDeadline() throws {
        let server = try EmbeddedServer()
        let client = HTTP2Client(streamWindowBytes: 10, acceptsAll: false)
        let id = client.open(GRPCTestClient.fields(EchoService.Method.big.path, [("grpc-timeout", "1S")]))
        client.send(GRPCTestClient.frame([1, 0]), on: id, isEnded: true)
        try server.pump(client)
        #expect(client.answers[id]?.body.count == 10)
        server.advance(millis: 1_100)
        try server.pump(client)
        #expect(client.answers[id]?.closeCode == HTTP2ErrorCode.cancel)
    }

    @Test func aCallOutlivesItsConnection() throws {
        let server = try EmbeddedServer()
        let client = HTTP2Client()
        _ = open(client, Self.park, [("finish-on-drain", "yes"), ("grpc-timeout", "5S")])
        try server.pump(client)
        server.channel.close(promise: nil)
        server.channel.embeddedEventLoop.run()
        #expect(server.log.all == ["parked", "half-closed", "cancelled -"])
        // The parked call is answered long after its connection has gone.
        server.loop.service.drain()
        server.advance(millis: 10_000)
        #expect(server.log.all.filter { $0.hasPrefix("cancelled") }.count == 1)
    }

    @Test func oneFlushForAllAnswersOfATick() throws {
        let server = try EmbeddedServer()
        let client = HTTP2Client()
        try server.pump(client)
        for _ in 0..<20 { _ = open(client, EchoService.Method.echo.path) }
        try server.channel.writeInbound(ByteBuffer(bytes: client.drain()))
        #expect(try server.channel.readOutbound(as: ByteBuffer.self) == nil)
        server.channel.embeddedEventLoop.run()
        #expect(try server.channel.readOutbound(as: ByteBuffer.self) != nil)
        #expect(try server.channel.readOutbound(as: ByteBuffer.self) == nil)
    }

    @Test func handshakeTimeIsBounded() throws {
        let server = try EmbeddedServer()
        _ = try server.feed(Array("PRI".utf8))
        server.advance(millis: 9_900)
        #expect(server.channel.isActive)
        server.advance(millis: 200)
        #expect(!server.channel.isActive)
    }

    @Test func idleConnectionsAreClosedWithGoAway() throws {
        let server = try EmbeddedServer()
        let client = HTTP2Client()
        for _ in 0..<3 {
            _ = open(client, EchoService.Method.echo.path)
            try server.pump(client)
            server.advance(millis: 119_000)
            try server.pump(client)
            #expect(client.goAwayCode == nil && server.channel.isActive)
        }
        server.advance(millis: 1_100)
        try server.pump(client)
        #expect(client.goAwayCode == HTTP2ErrorCode.noError)
        server.advance(millis: 1_100)
        #expect(!server.channel.isActive)
    }

    @Test func keepalivePingsSilentPeersWithCalls() throws {
        let server = try EmbeddedServer()
        let client = HTTP2Client()
        _ = open(client, Self.park)
        try server.pump(client)
        for _ in 0..<10 {
            server.advance(millis: 60_000)
            try server.pump(client)
        }
        #expect(server.channel.isActive)
        server.advance(millis: 120_100)
        _ = try server.output()
        server.advance(millis: 20_100)
        #expect(!server.channel.isActive)
    }

    @Test func agesOfConnectionsLieScatteredWithinATenth() throws {
        var ends: [Int64] = []
        for id in 1...40 as ClosedRange<UInt64> {
            let server = try EmbeddedServer(id: id) {
                $0.connectionAgeMillisMax = 10_000
                $0.connectionAgeGraceMillis = 5_000
            }
            let client = HTTP2Client()
            _ = open(client, Self.park)
            try server.pump(client)
            var age: Int64 = 0
            while client.goAwayCount == 0, age < 20_000 {
                server.advance(millis: 50)
                age += 50
                try server.pump(client)
            }
            ends.append(age)
            // The call that is open goes on, and new ones may come until the client knows; the grace ends them.
            #expect(server.channel.isActive)
            server.advance(millis: 4_800)
            try server.pump(client)
            #expect(server.channel.isActive)
            server.advance(millis: 400)
            try server.pump(client)
            #expect(!server.channel.isActive)
        }
        #expect(ends.allSatisfy { (9_000...11_100).contains($0) }, "\(ends)")
        #expect(Set(ends.map { $0 / 200 }).count >= 8, "all at once is what the scatter is to prevent: \(ends)")
    }

    // MARK: Fuzz

    private func validBytes(_ random: inout SeededGenerator) throws -> [UInt8] {
        let server = try EmbeddedServer()
        let client = HTTP2Client()
        var bytes: [UInt8] = []
        let methods = EchoService.Method.allCases
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let method = methods[Int.random(in: 0..<methods.count, using: &random)]
            let isGzip = Bool.random(using: &random)
            var extra = [("grpc-timeout", "1S"), ("x-mq-client-id", "fuzz")]
            if isGzip { extra.append(("grpc-encoding", "gzip")) }
            let id = client.open(GRPCTestClient.fields(method.path, extra))
            let size = method == .big ? 2 : Int.random(in: 0...2_000, using: &random)
            let message = [UInt8](repeating: 1, count: size)
            client.send(GRPCTestClient.frame(isGzip ? gzip(message) : message, isCompressed: isGzip), on: id)
            switch Int.random(in: 0...3, using: &random) {
            case 0: client.reset(id)
            case 1: client.ping()
            default: client.send([], on: id, isEnded: true)
            }
            let sent = client.drain()
            bytes += sent
            client.receive(try server.feed(sent))
        }
        return bytes
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 0...5, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...4, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...30, using: &random)))
            case 3:
                let piece = bytes[at..<min(bytes.count, at + Int.random(in: 1...100, using: &random))]
                bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
            default: bytes.removeSubrange(at...)
            }
        }
    }

    @Test func brokenBytesNeverBreakTheServer() throws {
        for seed in 1...800 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var bytes = try validBytes(&random)
            mutate(&bytes, &random)
            let server = try EmbeddedServer()
            var sent = 0
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...700, using: &random)
                sent += try server.feed(Array(rest.prefix(count))).count
                rest = rest.dropFirst(count)
                if Int.random(in: 0...5, using: &random) == 0 { server.advance(millis: 300) }
            }
            server.advance(millis: 3_000)
            sent += try server.output().count
            #expect(sent < 8 << 20, "seed \(seed)")
            if server.channel.isActive { server.channel.close(promise: nil) }
            server.channel.embeddedEventLoop.run()
            #expect(server.loop.assemblyBytes == 0, "seed \(seed)")
        }
    }
}

/// A small generator with a seed, so that a failing input can be made again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
