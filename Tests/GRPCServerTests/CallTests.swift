import CZlib
import GRPCTestClient
import HTTP2Session
import NIOCore
import Testing

@testable import GRPCServer

func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    rmq_deflate_init(&stream, 6, 15 + 16)
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 1_000)
    let capacity = output.count
    input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            deflate(&stream, Z_FINISH)
        }
    }
    return Array(output.prefix(capacity - Int(stream.avail_out)))
}

/// Calls over a real socket.
@Suite struct CallTests {
    private static let echo = EchoService.Method.echo.path

    @Test func unaryEcho() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            for size in [0, 1, 1_000, 16_384, 100_000, (4 << 20) - 5] {
                let body = [UInt8](repeating: 9, count: size)
                let answer = try await client.call(Self.echo, messages: [body])
                #expect(answer.grpcStatus == 0)
                #expect(answer.messages == [body], "size \(size)")
                #expect(answer.field("content-type") == "application/grpc")
            }
            await client.close()
        }
    }

    @Test func messageSplitOverManyFrames() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let bytes = GRPCTestClient.frame(Array("slowly".utf8))
            let id = try await client.run { $0.open(GRPCTestClient.fields(Self.echo)) }
            for byte in bytes { try await client.run { $0.send([byte], on: id) } }
            // The answer waits for the half-close: only then is it sure that no second message comes.
            try await client.run { client in
                #expect(client.answers[id]?.body.isEmpty == true)
                client.send([], on: id, isEnded: true)
            }
            #expect(try await client.answer(of: id).messages == [Array("slowly".utf8)])
            await client.close()
        }
    }

    @Test func describesTheCall() async throws {
        try await EchoServer.with { echo in
            let proxyHeader = Array("PROXY TCP4 10.1.2.3 10.0.0.1 4711 8081\r\n".utf8)
            let client = try await GRPCTestClient.connect(port: echo.port, firstBytes: proxyHeader)
            let answer = try await client.call(
                EchoService.Method.describe.path, extra: [("x-mq-client-id", "me"), ("grpc-timeout", "30S")])
            let text = String(decoding: answer.messages.first ?? [], as: UTF8.self)
            #expect(["me|localhost|plain|29|10.1.2.3:4711", "me|localhost|plain|30|10.1.2.3:4711"].contains(text))
            await client.close()
        }
    }

    @Test func streamingAnswer() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let answer = try await client.call(EchoService.Method.stream.path, messages: [[1, 2, 3]])
            #expect(answer.messages == [[1], [2], [3]])
            #expect(answer.field("grpc-message") == "100 %25 %E2%80%94 done")
            await client.close()
        }
    }

    @Test func bidiStream() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let id = try await client.run { client in
                let id = client.open(GRPCTestClient.fields(EchoService.Method.bidi.path))
                client.send(GRPCTestClient.frame([1]) + GRPCTestClient.frame([2]), on: id)
                return id
            }
            try await client.wait { $0.answers[id]?.messages == [[1], [2]] }
            try await client.run { $0.send(GRPCTestClient.frame([3]), on: id) }
            try await client.wait { $0.answers[id]?.messages == [[1], [2], [3]] }
            try await client.run { $0.send([], on: id, isEnded: true) }
            #expect(try await client.answer(of: id).grpcStatus == 0)
            await client.close()
        }
    }

    @Test func onlyTheFirstEndCounts() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let answer = try await client.call(EchoService.Method.twice.path)
            #expect(answer.grpcStatus == 5 && answer.field("grpc-message") == "first")
            #expect(answer.messages.isEmpty)
            await client.close()
        }
    }

    @Test func gzipRequests() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let body = Array(String(repeating: "gzip ", count: 5_000).utf8)
            func call(_ message: [UInt8], _ encoding: String?) async throws -> HTTP2Client.Answer {
                let id = try await client.run { client in
                    let extra = encoding.map { [("grpc-encoding", $0)] } ?? []
                    let id = client.open(GRPCTestClient.fields(Self.echo, extra))
                    client.send(GRPCTestClient.frame(message, isCompressed: true), on: id, isEnded: true)
                    return id
                }
                return try await client.answer(of: id)
            }
            #expect(try await call(gzip(body), "gzip").messages == [body])
            #expect(try await call(gzip([]), "gzip").messages == [[]])
            let bomb = try await call(gzip([UInt8](repeating: 0, count: (4 << 20) + 1)), "gzip")
            #expect(bomb.grpcStatus == 8)
            let full = [UInt8](repeating: 0, count: 4 << 20)
            #expect(try await call(gzip(full), "gzip").messages == [full])
            #expect(try await call(Array(gzip(body).dropLast(3)), "gzip").grpcStatus == 13)
            #expect(try await call(gzip(body) + [0], "gzip").grpcStatus == 13)
            #expect(try await call([1, 2, 3], "gzip").grpcStatus == 13)
            #expect(try await call([], "gzip").grpcStatus == 13)
            #expect(try await call(gzip(body), nil).grpcStatus == 13)
            let unknown = try await call(body, "snappy")
            #expect(unknown.grpcStatus == 12 && unknown.field("grpc-accept-encoding") == "identity,gzip")
            await client.close()
        }
    }

    @Test func deadlines() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let late = try await client.call(
                EchoService.Method.park.path, extra: [("grpc-timeout", "20m"), ("x-mq-client-id", "late")])
            #expect(late.grpcStatus == 4)
            await echo.log.wait(for: "cancelled late")
            #expect(try await client.call(Self.echo, extra: [("grpc-timeout", "99999999H")]).grpcStatus == 0)
            for malformed in ["", "5", "m", "5x", "123456789S", "-1S"] {
                let answer = try await client.call(Self.echo, extra: [("grpc-timeout", malformed)])
                #expect(answer.grpcStatus == 13, "\(malformed)")
            }
            await client.close()
        }
    }

    @Test func cancellation() async throws {
        try await EchoServer.with { echo in
            let client = try await echo.connect()
            let id = try await client.run { client in
                let id = client.open(GRPCTestClient.fields(EchoService.Method.park.path, [("x-mq-client-id", "a")]))
                client.send(GRPCTestClient.frame([]), on: id, isEnded: true)
                return id
            }
            await echo.log.wait(for: "parked")
            try await client.run { $0.reset(id) }
            await echo.log.wait(for: "cancelled a")
            _ = try await client.run { client in
                let id = client.open(GRPCTestClient.fields(EchoService.Method.park.path, [("x-mq-client-id", "b")]))
                client.send(GRPCTestClient.frame([]), on: id, isEnded: true)
            }
            await echo.log.wait(for: "parked", count: 2)
            await client.close()
            await echo.log.wait(for: "cancelled b")
            #expect(echo.log.all.filter { $0.hasPrefix("cancelled") }.count == 2)
        }
    }
}
