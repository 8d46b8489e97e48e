import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import RemotingCodec
import RemotingTransport
import ServerSupport
import Testing

@Suite("The server against clients of all kinds")
struct RemotingServerTests {
    private static let echo: TestService.Handler = { request, connection in
        connection.respond(to: request, code: .success, body: request.body)
    }

    @Test("Malformed frames close their connection and no other")
    func malformed() async throws {
        let service = TestService(Self.echo)
        try await withServer(service: service) { client, address, _ in
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            let garbage: [[UInt8]] = [
                [0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 0, 1, 0], [0, 0, 0, 8, 9, 0, 0, 0, 1, 1, 1, 1],
                [0, 0, 0, 6, 0, 0, 0, 2, 0x7B, 0x7B], [0, 0, 0, 8, 0, 0, 1, 0, 1, 1, 1, 1],
            ]
            for bytes in garbage {
                let answer = try await RawConnection.open(address) { inbound, outbound in
                    try await outbound.write(ByteBuffer(bytes: bytes))
                    return await RawConnection.readToEnd(&inbound)
                }
                #expect(answer.readableBytes == 0)
            }
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            #expect(service.openedCount == 1 && service.closedCount == 0)
        }
    }

    @Test("A client that asks much and hangs up without reading ends its own connection, once")
    func hangsUp() async throws {
        let service = TestService(Self.echo)
        let count = 50
        try await withServer(service: service) { client, address, _ in
            for _ in 0..<count {
                try await RawConnection.open(address) { inbound, outbound in
                    var decoder = RemotingFrameDecoder()
                    try await outbound.write(requestBytes(1))
                    _ = try await RawConnection.nextCommand(&inbound, &decoder)
                    var many = ByteBuffer()
                    for opaque in Int32(2)..<500 { many.writeImmutableBuffer(try requestBytes(opaque)) }
                    try await outbound.write(many)
                }
            }
            await service.closes(count)
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            #expect(service.closedCount == count)
        }
    }

    @Test("HTTP clients read a sentence", arguments: ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
    func http(request: String) async throws {
        try await withServer(service: TestService(Self.echo)) { _, address, _ in
            let answer = try await RawConnection.open(address) { inbound, outbound in
                try await outbound.write(ByteBuffer(string: request))
                return await RawConnection.readToEnd(&inbound)
            }
            let text = String(buffer: answer)
            #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(text.contains("remoting protocol"))
        }
    }

    @Test("A TLS client without TLS here gets an alert")
    func noTLS() async throws {
        try await withServer(service: TestService(Self.echo)) { _, address, _ in
            let answer = try await RawConnection.open(address) { inbound, outbound in
                try await outbound.write(ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x00, 0x05, 1, 0, 0, 1, 0]))
                return await RawConnection.readToEnd(&inbound)
            }
            #expect(Array(answer.readableBytesView) == [0x15, 3, 1, 0, 2, 2, 0x28])
        }
    }

    @Test("TLS and plain text share the port; enforcing refuses plain text")
    func tls() async throws {
        let (certificate, key) = try SelfSignedCertificate.make().sslObjects()
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(certificate)], privateKey: .privateKey(key)))
        var configuration = RemotingServerConfiguration()
        configuration.tlsContext = { context }
        var trusting = TLSConfiguration.makeClientConfiguration()
        trusting.certificateVerification = .none
        var clientConfiguration = RemotingClientConfiguration()
        clientConfiguration.tlsContext = try NIOSSLContext(configuration: trusting)
        let service = TestService { request, connection in
            connection.respond(to: request, code: .success, remark: connection.isTLS ? "tls" : "plain")
        }
        for mode in [RemotingTLSMode.permissive, .enforcing] {
            configuration.tlsMode = mode
            try await withServer(
                configuration: configuration, clientConfiguration: clientConfiguration, service: service
            ) { client, address, _ in
                let answer = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
                #expect(answer.remark == "tls")
                let plain = try await RawConnection.open(address) { inbound, outbound in
                    try await outbound.write(try requestBytes(5))
                    var decoder = RemotingFrameDecoder()
                    return try? await RawConnection.nextCommand(&inbound, &decoder)
                }
                #expect(plain?.remark == (mode == .permissive ? "plain" : nil))
            }
        }
    }

    @Test("Addresses behind a HAProxy are known, in both versions of its header")
    func proxyProtocol() async throws {
        let service = TestService { request, connection in
            connection.respond(
                to: request, code: .success, remark: connection.remoteAddress + " " + connection.localAddress)
        }
        let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
        let v2 = signature + [0x21, 0x11, 0, 15, 10, 1, 2, 3, 10, 4, 5, 6, 0x12, 0x34, 0x2A, 0x9F, 4, 0, 0]
        let headers: [(bytes: [UInt8], remark: String?)] = [
            (Array("PROXY TCP4 1.2.3.4 5.6.7.8 4000 10911\r\n".utf8), "1.2.3.4:4000 5.6.7.8:10911"),
            (Array("PROXY TCP6 ::1 ::2 4000 10911\r\n".utf8), "[::1]:4000 [::2]:10911"),
            (v2, "10.1.2.3:4660 10.4.5.6:10911"),
            (Array("PROXY nonsense\r\n".utf8), nil),
            (signature + [0x31, 0x11, 0, 0], nil),
        ]
        try await withServer(service: service) { _, address, _ in
            for header in headers {
                let answer = try await RawConnection.open(address) { inbound, outbound in
                    // In two parts, as the header may come alone.
                    try await outbound.write(ByteBuffer(bytes: header.bytes.prefix(9)))
                    var rest = ByteBuffer(bytes: header.bytes.dropFirst(9))
                    rest.writeImmutableBuffer(try requestBytes(5))
                    try? await outbound.write(rest)
                    var decoder = RemotingFrameDecoder()
                    return try? await RawConnection.nextCommand(&inbound, &decoder)
                }
                #expect(answer?.remark == header.remark)
            }
        }
    }

    @Test("A client that does not read is not read either, and loses nothing once it reads")
    func slowReader() async throws {
        let handled = NIOLockedValueBox(0)
        let block = ByteBuffer(repeating: 7, count: 256 * 1024)
        let service = TestService { request, connection in
            if request.requestCode == .heartBeat {
                handled.withLockedValue { $0 += 1 }
                connection.respond(to: request, code: .success, body: block)
            } else {
                connection.respond(to: request, code: .success)
            }
        }
        let count = 2_000
        try await withServer(service: service) { client, address, _ in
            try await RawConnection.open(address) { inbound, outbound in
                for opaque in 0..<Int32(count) { try await outbound.write(try requestBytes(opaque)) }
                // Another connection is served meanwhile; after its answers the server has had time for all requests.
                for _ in 0..<50 {
                    _ = try await client.callAsync(address, code: .unregisterClient, timeoutMillis: 5_000)
                }
                // At most what the sockets' buffers hold and the high-water mark, far below 500 MB.
                #expect(handled.withLockedValue { $0 } < 200)
                var decoder = RemotingFrameDecoder()
                for opaque in 0..<Int32(count) {
                    let answer = try await RawConnection.nextCommand(&inbound, &decoder)
                    guard answer?.opaque == opaque, answer?.body.readableBytes == block.readableBytes else {
                        Issue.record("answer \(opaque) is missing or out of order")
                        return
                    }
                }
            }
            #expect(handled.withLockedValue { $0 } == count)
        }
    }

    @Test("Parked answers beyond the output limit close the connection")
    func outputLimit() async throws {
        let parked = NIOLockedValueBox<[(RequestTicket, RemotingServerConnection)]>([])
        let block = ByteBuffer(repeating: 7, count: 1024 * 1024)
        let service = TestService { request, connection in
            let all = parked.withLockedValue { parked in
                parked.append((request.ticket, connection))
                return parked.count == 40 ? parked : []
            }
            for (ticket, connection) in all { connection.respond(to: ticket, code: .success, body: block) }
        }
        var configuration = RemotingServerConfiguration()
        configuration.outputBytesMax = 8 * 1024 * 1024
        try await withServer(configuration: configuration, service: service) { _, address, _ in
            try await RawConnection.open(address) { inbound, outbound in
                for opaque in 0..<40 as Range<Int32> { try? await outbound.write(try requestBytes(opaque)) }
                await service.closes(1)
                let received = await RawConnection.readToEnd(&inbound).readableBytes
                #expect(received < 40 * 1024 * 1024)
            }
        }
    }

    @Test("Requests over the limit are answered as busy")
    func inFlightLimit() async throws {
        let parked = NIOLockedValueBox<[RequestTicket]>([])
        let service = TestService { request, connection in
            if request.requestCode == .heartBeat {
                parked.withLockedValue { $0.append(request.ticket) }
            } else {
                connection.respond(to: request, code: .success)
            }
        }
        var configuration = RemotingServerConfiguration()
        configuration.inFlightMax = 2
        try await withServer(configuration: configuration, service: service) { _, address, _ in
            try await RawConnection.open(address) { inbound, outbound in
                for opaque in 0..<3 as Range<Int32> { try await outbound.write(try requestBytes(opaque)) }
                var decoder = RemotingFrameDecoder()
                let answer = try await RawConnection.nextCommand(&inbound, &decoder)
                #expect(answer?.opaque == 2 && answer?.responseCode == .systemBusy)
                #expect(answer?.remark?.hasPrefix("[OVERLOAD]") == true)
            }
        }
    }

    @Test("Connections over the limit are closed, the others stay")
    func connectionLimit() async throws {
        var configuration = RemotingServerConfiguration()
        configuration.connectionsMax = 1
        try await withServer(configuration: configuration, service: TestService(Self.echo)) { client, address, _ in
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            let answer = try await RawConnection.open(address) { inbound, outbound in
                try? await outbound.write(try requestBytes(1))
                return await RawConnection.readToEnd(&inbound)
            }
            #expect(answer.readableBytes == 0)
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
        }
    }

    @Test("An idle connection is closed, before and after its first request")
    func idle() async throws {
        var configuration = RemotingServerConfiguration()
        configuration.idleMillisMax = 1_000
        let service = TestService(Self.echo)
        try await withServer(configuration: configuration, service: service) { client, address, _ in
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            await service.closes(1)
            let answer = try await RawConnection.open(address) { inbound, _ in
                await RawConnection.readToEnd(&inbound)
            }
            #expect(answer.readableBytes == 0)
        }
    }

    @Test("Answers from other threads arrive")
    func otherThreads() async throws {
        let service = TestService { request, connection in
            Task { connection.respond(to: request.ticket, code: .success, body: request.body) }
        }
        try await withServer(service: service) { client, address, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let body = ByteBuffer(integer: number)
                        return try await client.callAsync(
                            address, code: .heartBeat, body: body, timeoutMillis: 10_000
                        ).body == body
                    }
                }
                for try await isOwn in group { #expect(isOwn) }
            }
        }
    }

    @Test("A shutdown waits for the requests in flight, then closes")
    func shutdown() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: (RequestTicket, RemotingServerConnection).self)
        let service = TestService { request, connection in arrived.yield((request.ticket, connection)) }
        try await withServer(service: service) { client, address, server in
            async let answer = client.callAsync(address, code: .heartBeat, timeoutMillis: 20_000)
            var iterator = arrivals.makeAsyncIterator()
            let (ticket, connection) = try #require(await iterator.next())
            async let done: Void = server.shutdown(graceMillis: 20_000)
            connection.respond(to: ticket, code: .success)
            #expect(try await answer.responseCode == .success)
            await done
            await #expect(throws: RemotingError.self) {
                try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            }
        }
    }
}
