import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@Suite("Calls between client and server over loopback")
struct RemotingClientTests {
    private static let echo = TestService { request, connection in
        connection.respond(to: request, code: .success, body: request.body)
    }

    @Test(
        "An answer carries fields, remark and body, in either header format", arguments: [HeaderFormat.json, .rocketmq])
    func answer(format: HeaderFormat) async throws {
        let service = TestService { request, connection in
            #expect(request.headerFormat == format)
            connection.respond(
                to: request, code: .topicNotExist, remark: "no \"\(request.fields.optionalString("topic") ?? "")\"",
                header: TopicHeader(topic: "back"), body: request.body)
        }
        var configuration = RemotingClientConfiguration()
        configuration.headerFormat = format
        try await withServer(clientConfiguration: configuration, service: service) { client, address, _ in
            let answer = try await client.callAsync(
                address, code: .getRouteinfoByTopic, header: TopicHeader(topic: "Tö\u{1}pic"),
                body: ByteBuffer(string: "body"), timeoutMillis: 5_000)
            #expect(answer.responseCode == .topicNotExist)
            #expect(answer.remark == "no \"Tö\u{1}pic\"")
            #expect(String(buffer: answer.body) == "body")
            #expect(answer.headerFormat == format)
            #expect(try answer.header(TopicHeader.self).topic == "back")
        }
    }

    @Test("Pipelined calls find their own answers, whatever their order")
    func pipelining() async throws {
        let parked = NIOLockedValueBox<[(RemotingCommand, RemotingServerConnection)]>([])
        let count = 2_000
        let service = TestService { request, connection in
            let all = parked.withLockedValue { parked in
                parked.append((request, connection))
                return parked.count == count ? parked : []
            }
            for (request, connection) in all.reversed() {
                connection.respond(to: request, code: .success, body: request.body)
            }
        }
        try await withServer(service: service) { client, address, server in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<count {
                    group.addTask {
                        let body = ByteBuffer(integer: number)
                        let answer = try await client.callAsync(
                            address, code: .heartBeat, body: body, timeoutMillis: 20_000)
                        return answer.body == body
                    }
                }
                for try await isOwn in group { #expect(isOwn) }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("Large bodies pass in both directions")
    func largeBodies() async throws {
        try await withServer(service: Self.echo) { client, address, _ in
            let body = ByteBuffer(bytes: (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            for _ in 0..<3 {
                let answer = try await client.callAsync(address, code: .heartBeat, body: body, timeoutMillis: 20_000)
                #expect(answer.body == body)
            }
        }
    }

    @Test("Fields and body written in place arrive")
    func inPlace() async throws {
        let service = TestService { request, connection in
            let body = ByteBuffer(string: (request.fields.optionalString("x") ?? "") + String(buffer: request.body))
            connection.respond(to: request, code: .success, body: body)
        }
        try await withServer(service: service) { client, address, _ in
            let promise = client.eventLoop.makePromise(of: RemotingCommand.self)
            client.eventLoop.execute {
                client.call(
                    address, code: .heartBeat, timeoutMillis: 5_000, fields: { $0.write("x", Int32(7)) },
                    body: { $0.writeString(" body") },
                    completion: { promise.completeWith($0.mapError { $0 as any Error }) })
            }
            let answer = try await promise.futureResult.get()
            #expect(String(buffer: answer.body) == "7 body")
        }
    }

    @Test("A call without an answer times out; its late answer disturbs nobody")
    func timeout() async throws {
        let parked = NIOLockedValueBox<[RequestTicket]>([])
        let service = TestService { request, connection in
            if request.requestCode == .heartBeat {
                parked.withLockedValue { $0.append(request.ticket) }
                return
            }
            for ticket in parked.withLockedValue({ $0 }) { connection.respond(to: ticket, code: .systemError) }
            connection.respond(to: request, code: .success)
        }
        try await withServer(service: service) { client, address, server in
            await #expect {
                try await client.callAsync(address, code: .heartBeat, timeoutMillis: 20)
            } throws: { ($0 as? RemotingError)?.code == .timeout }
            let answer = try await client.callAsync(address, code: .unregisterClient, timeoutMillis: 5_000)
            #expect(answer.responseCode == .success)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("One-way requests arrive and are never answered")
    func oneway() async throws {
        let seen = NIOLockedValueBox<[Int32]>([])
        let service = TestService { request, connection in
            seen.withLockedValue { $0.append(request.code) }
            connection.respond(to: request, code: .success)
        }
        try await withServer(service: service) { client, address, _ in
            try await client.sendOnewayAsync(address, code: .unregisterClient)
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            #expect(seen.withLockedValue { $0 } == [35, 34])
        }
    }

    @Test("A lost connection fails its calls at once; the next call makes a new one")
    func connectionLoss() async throws {
        let service = TestService { request, connection in
            if request.requestCode == .heartBeat {
                connection.close()
            } else {
                connection.respond(to: request, code: .success)
            }
        }
        try await withServer(service: service) { client, address, _ in
            for _ in 0..<3 {
                await #expect {
                    try await client.callAsync(address, code: .heartBeat, timeoutMillis: 60_000)
                } throws: { ($0 as? RemotingError)?.code == .connectionClosed }
                let answer = try await client.callAsync(address, code: .unregisterClient, timeoutMillis: 5_000)
                #expect(answer.responseCode == .success)
            }
            #expect(service.openedCount >= 3)
        }
    }

    @Test("An address without a server fails calls, at first by trying, then at once")
    func refused() async throws {
        var configuration = RemotingClientConfiguration()
        configuration.backOffMillisFirst = 60_000
        configuration.backOffMillisMax = 60_000
        let client = RemotingClient(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), configuration: configuration, logger: quietLogger)
        defer { client.shutdown() }
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = HostPort(host: "127.0.0.1", port: try #require(listener.localAddress?.port))
        try await listener.close()
        await #expect {
            try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
        } throws: { ($0 as? RemotingError)?.code == .connectFailed }
        await #expect {
            try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
        } throws: { ($0 as? RemotingError)?.code == .backingOff && ($0 as? RemotingError)?.isUnsent == true }
    }

    @Test("Calls over the limit fail at once, the others are not disturbed")
    func inFlightLimit() async throws {
        let parked = NIOLockedValueBox<[RequestTicket]>([])
        let service = TestService { request, connection in
            let all = parked.withLockedValue { parked in
                parked.append(request.ticket)
                return parked.count == 3 ? parked : []
            }
            for ticket in all { connection.respond(to: ticket, code: .success) }
        }
        var configuration = RemotingClientConfiguration()
        configuration.inFlightMax = 3
        try await withServer(clientConfiguration: configuration, service: service) { client, address, _ in
            let outcomes = await withTaskGroup(of: RemotingError.Code?.self) { group in
                let codes = NIOLockedValueBox<[RemotingError.Code?]>([])
                let done = client.eventLoop.makePromise(of: Void.self)
                client.eventLoop.execute {
                    for _ in 0..<5 {
                        client.call(address, code: .heartBeat, header: EmptyHeader(), timeoutMillis: 5_000) { result in
                            let count = codes.withLockedValue { codes in
                                if case .failure(let error) = result {
                                    codes.append(error.code)
                                } else {
                                    codes.append(nil)
                                }
                                return codes.count
                            }
                            if count == 5 { done.succeed(()) }
                        }
                    }
                }
                try? await done.futureResult.get()
                return codes.withLockedValue { $0 }
            }
            #expect(outcomes == [.overloaded, .overloaded, nil, nil, nil])
        }
    }

    @Test("A request too large for a frame fails alone")
    func unencodable() async throws {
        try await withServer(service: Self.echo) { client, address, _ in
            let body = ByteBuffer(repeating: 0, count: RemotingFrameEncoder.frameBytesMax)
            await #expect {
                try await client.callAsync(address, code: .heartBeat, body: body, timeoutMillis: 5_000)
            } throws: { ($0 as? RemotingError)?.code == .unencodable }
            _ = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
        }
    }

    @Test("A server calls its client and gets the client's answer, or code 3 without a handler")
    func serverCalls() async throws {
        let service = TestService { request, connection in
            connection.call(code: .notifyConsumerIdsChanged, header: TopicHeader(topic: "t"), timeoutMillis: 5_000) {
                switch $0 {
                case .success(let answer):
                    connection.respond(to: request, code: answer.responseCode, remark: answer.remark)
                case .failure(let error):
                    connection.respond(to: request, code: .systemError, remark: error.message)
                }
            }
        }
        try await withServer(service: service) { client, address, _ in
            let without = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            #expect(without.responseCode == .requestCodeNotSupported)
            try await client.eventLoop.submit {
                client.onServerRequest = { request, peer in
                    peer.respond(
                        to: request.ticket, code: .success, remark: request.fields.optionalString("topic"),
                        header: EmptyHeader())
                }
            }.get()
            let with = try await client.callAsync(address, code: .heartBeat, timeoutMillis: 5_000)
            #expect(with.responseCode == .success && with.remark == "t")
        }
    }

    @Test("A server that does not speak the protocol fails the call, not the client")
    func malformedServer() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MailServerHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = RemotingClient(eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: quietLogger)
        defer { client.shutdown() }
        let address = HostPort(host: "127.0.0.1", port: try #require(listener.localAddress?.port))
        await #expect {
            try await client.callAsync(address, code: .heartBeat, timeoutMillis: 20_000)
        } throws: { ($0 as? RemotingError)?.code == .malformedResponse }
        try await listener.close()
    }

    @Test("Shutting the client down fails what waits")
    func shutdown() async throws {
        let service = TestService { _, connection in connection.eventLoop.execute {} }
        try await withServer(service: service) { client, address, _ in
            let call = Task { try await client.callAsync(address, code: .heartBeat, timeoutMillis: 20_000) }
            try await client.eventLoop.submit { client.shutdown() }.get()
            await #expect(throws: RemotingError.self) { try await call.value }
            await #expect {
                try await client.callAsync(address, code: .heartBeat, timeoutMillis: 20_000)
            } throws: { ($0 as? RemotingError)?.code == .shutdown }
        }
    }
}

/// Greets like a mail server.
private final class MailServerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "220 mail.example.org ESMTP\r\n")), promise: nil)
    }
}

struct TopicHeader: RemotingHeader {
    var topic: String

    init(topic: String) { self.topic = topic }
    init(fields: HeaderFields) throws(RemotingCodecError) { topic = try fields.string("topic") }
    func write(to writer: inout HeaderFieldWriter) { writer.write("topic", topic) }
}
