import GRPCTestClient
import HTTP2Session
import NIOCore
import NIOSSL
import ServerSupport
import Testing

@testable import GRPCServer

/// What happens to connections: protocols, TLS, floods, slow readers, the end.
@Suite struct ConnectionTests {
    private static let echo = EchoService.Method.echo.path

    @Test func otherProtocolsGetAnAnswerTheyUnderstand() async throws {
        try await EchoServer.with { echo in
            let http = String(decoding: try await echo.exchange(Array("GET / HTTP/1.1\r\n\r\n".utf8)), as: UTF8.self)
            #expect(http.hasPrefix("HTTP/1.1 400 ") && http.contains("gRPC port"))
            let header = Array(#"{"code":105,"opaque":77,"flag":0}"#.utf8)
            let length = UInt8(header.count)
            let frame = try await echo.exchange([0, 0, 0, length + 4, 0, 0, 0, length] + header)
            try #require(frame.count > 8)
            #expect(frame[4] == 0)
            #expect(String(decoding: frame.dropFirst(8), as: UTF8.self).contains(#""code":1,"flag":1"#))
            #expect(String(decoding: frame.dropFirst(8), as: UTF8.self).contains(#""opaque":77"#))
            #expect(Int(frame[3]) | Int(frame[2]) << 8 == frame.count - 4)
            // TLS to a server without it: an alert.
            #expect(try await echo.exchange([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).first == 0x15)
            #expect(try await echo.exchange([0xff, 0xfe]) == [])
        }
    }

    @Test func silentOrUndecidedConnectionsAreClosed() async throws {
        try await EchoServer.with({ $0.handshakeMillisMax = 60 }) { echo in
            let undecided = try await echo.exchange(Array("PRI * HT".utf8))
            let silent = try await echo.exchange([])
            #expect(undecided == [] && silent == [])
        }
    }

    private func tlsContexts() throws -> (server: NIOSSLContext, client: NIOSSLContext, oldClient: NIOSSLContext) {
        let (certificate, key) = try SelfSignedCertificate.make().sslObjects()
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
        server.applicationProtocols = ["h2"]
        var client = TLSConfiguration.makeClientConfiguration()
        client.certificateVerification = .none
        let old = try NIOSSLContext(configuration: client)
        client.applicationProtocols = ["h2"]
        return (try NIOSSLContext(configuration: server), try NIOSSLContext(configuration: client), old)
    }

    @Test func tlsAndPlaintextOnOnePort() async throws {
        let contexts = try tlsContexts()
        try await EchoServer.with({ $0.tlsContext = { contexts.server } }) { echo in
            for (tls, word) in [(nil, "plain"), (contexts.client, "tls"), (contexts.oldClient, "tls")] {
                let client = try await GRPCTestClient.connect(port: echo.port, tls: tls)
                let answer = try await client.call(EchoService.Method.describe.path)
                #expect(String(decoding: answer.messages.first ?? [], as: UTF8.self).contains("|\(word)|"))
                let body = [UInt8](repeating: 3, count: 1 << 20)
                #expect(try await client.call(Self.echo, messages: [body]).messages == [body])
                await client.close()
            }
        }
    }

    @Test func proxyHeaderInFrontOfTLS() async throws {
        let contexts = try tlsContexts()
        try await EchoServer.with({ $0.tlsContext = { contexts.server } }) { echo in
            let header = Array("PROXY TCP6 2001:db8::7 ::1 4711 8081\r\n".utf8)
            let client = try await GRPCTestClient.connect(port: echo.port, tls: contexts.client, firstBytes: header)
            let answer = try await client.call(EchoService.Method.describe.path)
            #expect(String(decoding: answer.messages.first ?? [], as: UTF8.self).hasSuffix("|tls|0|[2001:db8::7]:4711"))
            await client.close()
            // Not twice, and not inside TLS.
            let twice = try await echo.exchange(header + header)
            #expect(twice == [])
        }
    }

    @Test func plaintextCanBeForbidden() async throws {
        let contexts = try tlsContexts()
        try await EchoServer.with({
            $0.tlsContext = { contexts.server }
            $0.isPlaintextAllowed = false
        }) { echo in
            #expect(try await echo.exchange(HTTP2Client().drain()) == [])
            let client = try await GRPCTestClient.connect(port: echo.port, tls: contexts.client)
            #expect(try await client.call(Self.echo).grpcStatus == 0)
            await client.close()
        }
    }

    @Test func resetFloodIsStoppedWhileOthersGoOn() async throws {
        try await EchoServer.with { echo in
            let good = try await echo.connect()
            let bad = try await echo.connect()
            #expect(try await good.call(Self.echo).grpcStatus == 0)
            for _ in 0..<100 {
                let bytes = try await bad.run { client in
                    var bytes: [UInt8] = []
                    for _ in 0..<100 {
                        let id = client.open(GRPCTestClient.fields(EchoService.Method.park.path))
                        bytes += client.drain()
                        client.reset(id)
                        bytes += client.drain()
                    }
                    return client.goAwayCode == nil ? bytes : []
                }
                if bytes.isEmpty { break }
                bad.writeRaw(bytes)
                #expect(try await good.call(Self.echo, messages: [[1]]).messages == [[1]])
            }
            try await bad.wait { $0.goAwayCode == HTTP2ErrorCode.enhanceYourCalm }
            try await bad.waitForClose()
            #expect(try await good.call(Self.echo, messages: [[2]]).messages == [[2]])
            await good.close()
        }
    }

    @Test func slowReaderIsBounded() async throws {
        try await EchoServer.with({ $0.outputQueueBytesMax = 1 << 20 }) { echo in
            let client = try await GRPCTestClient.connect(
                port: echo.port, makeClient: { HTTP2Client(streamWindowBytes: 1_000, acceptsAll: false) })
            func big(_ bytes: UInt32) async throws -> Int32 {
                try await client.run { client in
                    let id = client.open(GRPCTestClient.fields(EchoService.Method.big.path))
                    let size = withUnsafeBytes(of: bytes.bigEndian, Array.init)
                    client.send(GRPCTestClient.frame(size), on: id, isEnded: true)
                    return id
                }
            }
            let first = try await big(900_000)
            let second = try await big(900_000)
            try await client.wait { $0.answers[second]?.closeCode == HTTP2ErrorCode.cancel }
            // The first goes on as soon as its window opens; then there is room again.
            try await client.run { client in
                client.grantWindow(2 << 20, stream: first)
                client.grantWindow(8 << 20, stream: 0)
            }
            #expect(try await client.answer(of: first).messages.first?.count == 900_000)
            #expect(try await client.call(Self.echo, messages: [[1]]).grpcStatus == 0)
            await client.close()
        }
    }

    @Test func aPeerThatDoesNotReadIsNotReadFromAndDropped() async throws {
        try await EchoServer.with({
            $0.writeStallMillisMax = 100
            $0.outputQueueBytesMax = 512 << 20
        }) { echo in
            let client = try await GRPCTestClient.connect(
                port: echo.port, makeClient: { HTTP2Client(streamWindowBytes: 1 << 30) })
            try await client.run { client in
                for _ in 0..<20 {
                    let id = client.open(
                        GRPCTestClient.fields(EchoService.Method.big.path, [("x-mq-client-id", "slow")]))
                    client.send(GRPCTestClient.frame([1, 0, 0, 0]), on: id, isEnded: true)
                }
            }
            try await client.setReading(false)
            await echo.log.wait(for: "big pending true", count: 20)
            // The server gives up on its own; reading on shows the end of the connection.
            while echo.server.connectionCount > 0 { await Task.yield() }
            // The client may have noticed already, by writing.
            _ = try? await client.setReading(true)
            try await client.waitForClose()
        }
    }

    @Test func connectionsAreBounded() async throws {
        try await EchoServer.with({ $0.connectionsMax = 1 }) { echo in
            let first = try await echo.connect()
            #expect(try await first.call(Self.echo).grpcStatus == 0)
            #expect(try await echo.exchange([]) == [])
            #expect(try await first.call(Self.echo).grpcStatus == 0)
            await first.close()
        }
    }

    @Test func drainFinishesCallsInFlight() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let id = try await client.run { client in
                let id = client.open(
                    GRPCTestClient.fields(EchoService.Method.park.path, [("finish-on-drain", "yes")]))
                client.send(GRPCTestClient.frame([]), on: id, isEnded: true)
                return id
            }
            await echo.log.wait(for: "parked")
            await echo.server.drain(deadlineMillis: 60_000)
            #expect(try await client.answer(of: id).grpcStatus == 14)
            try await client.waitForClose()
            #expect(try await client.run { $0.goAwayCode } == HTTP2ErrorCode.noError)
            await #expect(throws: (any Error).self) { try await echo.connect() }
        }
    }

    @Test func drainDoesNotWaitForStreamsThatNothingCameOn() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let id = try await client.run { $0.open(GRPCTestClient.fields(EchoService.Method.bidi.path)) }
            #expect(try await client.call(Self.echo).grpcStatus == 0)
            let started = ContinuousClock.now
            await echo.server.drain(deadlineMillis: 60_000)
            #expect(ContinuousClock.now - started < .seconds(30))
            #expect(try await client.answer(of: id).grpcStatus == 14)
            try await client.waitForClose()
        }
    }

    @Test func drainEndsWhatIsLeftAtItsDeadline() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let id = try await client.run { client in
                let id = client.open(GRPCTestClient.fields(EchoService.Method.park.path))
                client.send(GRPCTestClient.frame([]), on: id, isEnded: true)
                return id
            }
            await echo.log.wait(for: "parked")
            await echo.server.drain(deadlineMillis: 20)
            #expect(try await client.answer(of: id).grpcStatus == 14)
            try await client.waitForClose()
        }
    }
}
