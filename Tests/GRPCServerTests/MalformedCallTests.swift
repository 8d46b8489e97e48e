import GRPCTestClient
import HTTP2Session
import NIOCore
import Testing

@testable import GRPCServer

/// Requests that are wrong get the right answer, and the connection goes on.
@Suite struct MalformedCallTests {
    private static let echo = EchoService.Method.echo.path

    /// Sends a body as it is and answers what came back; then makes sure the connection still works.
    private func answer(
        _ echo: EchoServer, _ fields: [(String, String)], _ body: [UInt8]
    ) async throws -> HTTP2Client.Answer {
        let client = try await echo.connect()
        let id = try await client.run { client in
            let id = client.open(fields)
            client.send(body, on: id, isEnded: true)
            return id
        }
        let answer = try await client.answer(of: id)
        #expect(try await client.call(Self.echo, messages: [[42]]).messages == [[42]])
        await client.close()
        return answer
    }

    @Test func bodies() async throws {
        let fields = GRPCTestClient.fields(Self.echo)
        let frame = GRPCTestClient.frame([1, 2, 3])
        try await EchoServer.with { echo in
            #expect(try await answer(echo, fields, []).grpcStatus == 13)
            #expect(try await answer(echo, fields, Array(frame.prefix(3))).grpcStatus == 13)
            #expect(try await answer(echo, fields, Array(frame.dropLast())).grpcStatus == 13)
            #expect(try await answer(echo, fields, frame + frame).grpcStatus == 13)
            #expect(try await answer(echo, fields, frame + [0]).grpcStatus == 13)
            #expect(try await answer(echo, fields, [7] + frame.dropFirst()).grpcStatus == 13)
            let huge = try await answer(echo, fields, [0, 0x7f, 0xff, 0xff, 0xff, 1, 2])
            #expect(huge.grpcStatus == 8)
            #expect(huge.field("grpc-message")?.contains("2147483647") == true)
            #expect(try await answer(echo, fields, [0, 0, 0x40, 0, 1, 1, 2]).grpcStatus == 8)
        }
    }

    @Test func headers() async throws {
        let frame = GRPCTestClient.frame([1])
        func fields(_ name: String, _ value: String?) -> [(String, String)] {
            GRPCTestClient.fields(Self.echo).compactMap { field in
                guard field.0 == name else { return field }
                return value.map { (name, $0) }
            }
        }
        try await EchoServer.with { echo in
            let unknown = try await answer(echo, fields(":path", "/test.Echo/Närrisch"), frame)
            #expect(unknown.grpcStatus == 12 && unknown.field(":status") == "200")
            #expect(unknown.field("grpc-message")?.contains("N%C3%A4rrisch") == true)
            let json = try await answer(echo, fields("content-type", "application/json"), frame)
            #expect(json.field(":status") == "415" && json.grpcStatus == 2)
            #expect(try await answer(echo, fields("content-type", nil), frame).field(":status") == "415")
            #expect(
                try await answer(echo, fields("content-type", "application/grpcx"), frame).field(":status") == "415")
            #expect(try await answer(echo, fields("content-type", "application/grpc+proto"), frame).grpcStatus == 0)
            #expect(try await answer(echo, fields("content-type", "application/grpc;x=y"), frame).grpcStatus == 0)
            #expect(try await answer(echo, fields(":method", "PUT"), frame).field(":status") == "405")
            let long = String(repeating: "x", count: 40_000)
            let flood = try await answer(echo, fields("te", "trailers") + [("long", long)], frame)
            #expect(flood.field(":status") == "431" && flood.grpcStatus == 8)
        }
    }

    @Test func statusMessagesAreEncodedAndBounded() {
        #expect(GRPCHeaders.percentEncode("a b~") == "a b~")
        #expect(GRPCHeaders.percentEncode("%\n") == "%25%0A")
        #expect(GRPCHeaders.percentEncode("é") == "%C3%A9")
        let long = GRPCHeaders.percentEncode(String(repeating: "é", count: 5_000))
        #expect(long.utf8.count <= GRPCHeaders.messageBytesMax && long.hasSuffix("%A9"))
    }

    @Test func halfReceivedMessagesAreBounded() async throws {
        try await EchoServer.with({ $0.assemblyBytesMaxPerLoop = 1 << 20 }) { echo in
            let client = try await echo.connect()
            let ids = try await client.run { client in
                (0..<8).map { _ in
                    let id = client.open(GRPCTestClient.fields(Self.echo))
                    let whole = GRPCTestClient.frame([UInt8](repeating: 1, count: 300_000))
                    client.send(Array(whole.dropLast()), on: id)
                    return id
                }
            }
            try await client.wait { client in ids.contains { client.answers[$0]?.grpcStatus == 8 } }
            // What the failed calls held is free again.
            try await client.run { client in for id in ids { client.reset(id) } }
            let body = [UInt8](repeating: 2, count: 300_000)
            #expect(try await client.call(Self.echo, messages: [body]).messages == [body])
            await client.close()
        }
    }
}
