import GRPCTestClient
import NIOCore
import Testing

@testable import HTTP2Session

@Suite struct HTTP2SessionTests {
    private func request(_ client: HTTP2Client, body: [UInt8] = [1, 2, 3]) -> Int32 {
        let id = client.open(GRPCTestClient.fields("/a.B/C"))
        client.send(body, on: id, isEnded: true)
        return id
    }

    @Test func announcesItsBounds() throws {
        let pair = try SessionPair()
        pair.pump()
        #expect(pair.client.settings[3] == 1_000)
        #expect(pair.client.settings[4] == 1 << 20)
        #expect(pair.client.settings[6] == 16 << 10)
        #expect(pair.session?.isFinished == false)
    }

    @Test func carriesARequestAndItsAnswer() throws {
        let pair = try SessionPair()
        pair.onEnded = { session, stream in
            session.respond(on: stream, headers: SessionPair.response)
            session.append(on: stream) { $0.writeString("hello") }
            session.finish(on: stream, trailers: SessionPair.trailers)
        }
        let id = request(pair.client)
        pair.pump()
        #expect(pair.events == [.started(id), .data(id, 3), .ended(id), .closed(id, 0)])
        #expect(pair.paths == ["/a.B/C"])
        let answer = try #require(pair.client.answers[id])
        #expect(answer.field(":status") == "200")
        #expect(answer.body == Array("hello".utf8))
        #expect(answer.trailers.map(\.name) == ["grpc-status"])
        #expect(answer.isEnded && answer.closeCode == 0)
        #expect(pair.session?.queuedBytes == 0)
    }

    @Test func findsFieldsByName() throws {
        let pair = try SessionPair()
        var found: [String?] = []
        pair.onStarted = { _, stream in
            found = [
                stream.field(named: "x-mq-client-id").map { String(decoding: $0, as: UTF8.self) },
                stream.field("x-mq-language").map { String(decoding: $0, as: UTF8.self) },
                stream.field(named: "absent").map { String(decoding: $0, as: UTF8.self) },
                stream.field(named: "empty").map { String(decoding: $0, as: UTF8.self) },
            ]
        }
        _ = pair.client.open(
            GRPCTestClient.fields("/", [("x-mq-client-id", "me@1"), ("x-mq-language", "SWIFT"), ("empty", "")]))
        pair.pump()
        #expect(found == ["me@1", "SWIFT", nil, ""])
    }

    @Test func forgetsFieldsOfRequestsThatWait() throws {
        let pair = try SessionPair()
        var found: [[String?]] = []
        pair.onStarted = { session, stream in
            stream.forgetFields(but: "x-mq-client-id")
            found.append(
                ["x-mq-client-id", ":path", "x-mq-language"].map { name in
                    stream.field(named: name).map { String(decoding: $0, as: UTF8.self) }
                })
            session.respondOnly(on: stream, headers: SessionPair.response)
        }
        for name in ["x-mq-client-id", "x-mq-client-id", "other"] {
            _ = pair.client.open(
                GRPCTestClient.fields("/", [(name, "me@1"), ("x-mq-language", "SWIFT")]), isEnded: true)
            pair.pump()
        }
        // The second stream reuses the first one's object.
        #expect(found == [["me@1", nil, nil], ["me@1", nil, nil], [nil, nil, nil]])
        #expect(pair.session?.failure == nil)
    }

    @Test func answersWithHeadersOnly() throws {
        let pair = try SessionPair()
        pair.onEnded = { session, stream in session.respondOnly(on: stream, headers: SessionPair.response) }
        let id = request(pair.client)
        pair.pump()
        #expect(pair.client.answers[id]?.isEnded == true)
        #expect(pair.client.answers[id]?.body == [])
    }

    @Test func finishingAfterABodyThatWasSentStillSendsTrailers() throws {
        let pair = try SessionPair()
        var open: HTTP2Stream?
        pair.onEnded = { session, stream in
            open = stream
            session.respond(on: stream, headers: SessionPair.response)
            session.append(on: stream) { $0.writeString("part") }
        }
        let id = request(pair.client)
        pair.pump()
        #expect(pair.client.answers[id]?.body == Array("part".utf8))
        #expect(pair.client.answers[id]?.isEnded == false)
        let stream = try #require(open)
        pair.session?.append(on: stream) { $0.writeString(" two") }
        pair.pump()
        #expect(pair.client.answers[id]?.body == Array("part two".utf8))
        pair.session?.finish(on: stream, trailers: SessionPair.trailers)
        pair.pump()
        #expect(pair.client.answers[id]?.grpcStatus == 0)
        #expect(pair.client.answers[id]?.closeCode == 0)
    }

    @Test func tellsAClientToStopSendingAfterAnEarlyAnswer() throws {
        let pair = try SessionPair()
        pair.onStarted = { session, stream in session.respondOnly(on: stream, headers: SessionPair.response) }
        let id = pair.client.open(GRPCTestClient.fields("/a.B/C"))
        pair.client.send([1], on: id)
        pair.pump()
        #expect(pair.client.answers[id]?.isEnded == true)
        #expect(pair.client.answers[id]?.closeCode == HTTP2ErrorCode.noError)
        #expect(pair.events.last == .closed(id, HTTP2ErrorCode.noError))
    }

    @Test func respectsTheStreamWindow() throws {
        let pair = try SessionPair(client: HTTP2Client(streamWindowBytes: 10_000, acceptsAll: false))
        let size = 50_000
        pair.onEnded = { session, stream in
            session.respond(on: stream, headers: SessionPair.response)
            for _ in 0..<5 { session.append(on: stream) { $0.writeRepeatingByte(7, count: size / 5) } }
            session.finish(on: stream, trailers: SessionPair.trailers)
        }
        let id = request(pair.client)
        pair.pump()
        #expect(pair.client.answers[id]?.body.count == 10_000)
        #expect(pair.session?.queuedBytes == size - 10_000)
        #expect(pair.session?.wantsWrite == false)
        pair.client.grantWindow(15_000, stream: id)
        pair.pump()
        #expect(pair.client.answers[id]?.body.count == 25_000)
        pair.client.grantWindow(100_000, stream: id)
        pair.pump()
        #expect(pair.client.answers[id]?.body.count == size)
        #expect(pair.client.answers[id]?.grpcStatus == 0)
        #expect(pair.session?.queuedBytes == 0)
    }

    @Test func drainsInBoundedPieces() throws {
        let pair = try SessionPair()
        pair.onEnded = { session, stream in
            session.respond(on: stream, headers: SessionPair.response)
            session.append(on: stream) { $0.writeRepeatingByte(7, count: 500_000) }
            session.append(on: stream) { $0.writeRepeatingByte(8, count: 300_000) }
            session.finish(on: stream, trailers: SessionPair.trailers)
        }
        pair.pump()
        let id = request(pair.client)
        pair.feed(pair.client.drain())
        var pieces = 0
        while true {
            let piece = pair.drain(bytesMax: 64 << 10)
            guard !piece.isEmpty else { break }
            #expect(piece.count <= (64 << 10) + (16 << 10) + 9)
            pair.client.receive(piece)
            pieces += 1
        }
        #expect(pieces >= 11)
        pair.pump()
        #expect(pair.client.answers[id]?.body.count == 800_000)
        #expect(pair.client.answers[id]?.body.last == 8)
    }

    /// Sessions of one pool share buffers; bounded pieces stop them between any two frames.
    @Test(arguments: [1, 20_000, 64 << 10])
    func sessionsOfAPoolDoNotMixWhatTheyWrite(pieceBytes: Int) throws {
        let pool = HTTP2StreamPool()
        let long = String(repeating: "m", count: 40_000)
        let pairs = try (0..<3).map { number in
            let pair = try SessionPair(pool: pool)
            pair.onEnded = { session, stream in
                session.respond(on: stream, headers: SessionPair.response)
                for _ in 0..<2 {
                    session.append(on: stream) { $0.writeRepeatingByte(UInt8(number), count: 70_000) }
                }
                session.finish(on: stream, trailers: HTTP2HeaderBlock([("grpc-status", "\(number)"), ("long", long)]))
            }
            return pair
        }
        for pair in pairs { pair.pump() }
        let ids = pairs.map { pair in (0..<2).map { _ in request(pair.client) } }
        for pair in pairs { pair.feed(pair.client.drain()) }
        var isBusy = true
        while isBusy {
            isBusy = false
            for pair in pairs {
                let piece = pair.drain(bytesMax: pieceBytes)
                if !piece.isEmpty { isBusy = true }
                pair.client.receive(piece)
                pair.feed(pair.client.drain())
            }
        }
        for (number, pair) in pairs.enumerated() {
            #expect(pair.session?.failure == nil)
            for id in ids[number] {
                let answer = try #require(pair.client.answers[id])
                let isOurs = answer.body.allSatisfy { $0 == UInt8(number) }
                #expect(isOurs && answer.body.count == 140_000)
                #expect(answer.grpcStatus == number && answer.field("long") == long)
            }
        }
    }

    @Test func marksHeaderListsThatAreTooLong() throws {
        let pair = try SessionPair()
        var isTooLong: [Bool] = []
        pair.onStarted = { session, stream in
            isTooLong.append(stream.isHeaderListTooLong)
            session.respondOnly(on: stream, headers: SessionPair.response)
        }
        let text = String(repeating: "x", count: 20_000)
        _ = pair.client.open(GRPCTestClient.fields("/a", [("long", text)]), isEnded: true)
        _ = pair.client.open(GRPCTestClient.fields("/b"), isEnded: true)
        pair.pump()
        #expect(isTooLong == [true, false])
        #expect(pair.session?.failure == nil)
    }

    @Test func refusesStreamsOverTheBound() throws {
        var configuration = HTTP2Configuration()
        configuration.concurrentStreamsMax = 4
        let pair = try SessionPair(configuration: configuration)
        // The client may open streams before it has read our settings; those over the bound are refused.
        let ids = (0..<6).map { _ in pair.client.open(GRPCTestClient.fields("/a.B/C")) }
        pair.pump()
        #expect(pair.session?.openStreamCount == 4)
        #expect(pair.client.answers[ids[5]]?.closeCode == HTTP2ErrorCode.refusedStream)
        #expect(pair.session?.failure == nil)
    }

    @Test func reportsOpenStreamsWhenClosed() throws {
        let pool = HTTP2StreamPool()
        let pair = try SessionPair(pool: pool)
        let first = pair.client.open(GRPCTestClient.fields("/a.B/C"))
        let second = pair.client.open(GRPCTestClient.fields("/a.B/C"))
        pair.pump()
        pair.close()
        #expect(pair.events.contains(.closed(first, HTTP2ErrorCode.cancel)))
        #expect(pair.events.contains(.closed(second, HTTP2ErrorCode.cancel)))
    }

    @Test func reportsAResetOnce() throws {
        let pair = try SessionPair()
        let id = pair.client.open(GRPCTestClient.fields("/a.B/C"))
        pair.pump()
        pair.client.reset(id)
        pair.pump()
        #expect(pair.events == [.started(id), .closed(id, HTTP2ErrorCode.cancel)])
        #expect(pair.session?.openStreamCount == 0)
    }

    @Test func refusesNewStreamsAfterGoAway() throws {
        let pair = try SessionPair()
        var open: [HTTP2Stream] = []
        pair.onEnded = { _, stream in open.append(stream) }
        let id = request(pair.client)
        pair.pump()
        pair.session?.announceShutdown()
        pair.pump()
        #expect(pair.client.goAwayCount == 1)
        pair.session?.refuseNewStreams()
        pair.pump()
        #expect(pair.client.goAwayCount == 2 && pair.client.goAwayCode == HTTP2ErrorCode.noError)
        #expect(pair.session?.isFinished == false)
        let stream = try #require(open.first)
        pair.session?.respondOnly(on: stream, headers: SessionPair.response)
        pair.pump()
        #expect(pair.client.answers[id]?.isEnded == true)
        #expect(pair.session?.isFinished == true)
    }

    @Test func rejectsWhatIsNotHTTP2() throws {
        let pair = try SessionPair()
        pair.feed(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        #expect(pair.session?.failure?.code == .protocolViolation)
        #expect(!pair.drain().isEmpty)
        #expect(pair.session?.isFinished == true)
    }
}
