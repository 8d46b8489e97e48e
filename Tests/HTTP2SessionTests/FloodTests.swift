import GRPCTestClient
import NIOCore
import Testing

@testable import HTTP2Session

/// Legal frames in illegal numbers: the connection ends with ENHANCE_YOUR_CALM, and early.
@Suite struct FloodTests {
    private static let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "x")]

    private func goAwayCode(_ pair: SessionPair) -> UInt32? {
        pair.client.receive(pair.drain())
        return pair.client.goAwayCode
    }

    /// Feeds the frames to a session that has seen preface and settings.
    private func flooded(_ frames: [UInt8]) throws -> SessionPair {
        let pair = try SessionPair()
        pair.pump()
        pair.feed(frames)
        return pair
    }

    @Test func rapidReset() throws {
        let pair = try SessionPair()
        pair.pump()
        var frames: [UInt8] = []
        for index in 0..<10_000 {
            let stream = UInt32(index) * 2 + 1
            frames += RawFrame.headers(stream: stream, Self.fields, endsStream: false)
            frames += RawFrame.frame(type: 3, flags: 0, stream: stream, [0, 0, 0, 8])
        }
        pair.feed(frames)
        #expect(pair.session?.failure?.code == .enhanceYourCalm)
        #expect(goAwayCode(pair) == HTTP2ErrorCode.enhanceYourCalm)
        #expect(pair.session?.isFinished == true)
        let started = pair.events.filter { if case .started = $0 { true } else { false } }
        #expect(started.count < 2_000)
    }

    @Test func streamsWeMustReset() throws {
        // A window that overflows makes the server send RST_STREAM (CVE-2025-8671).
        let pair = try SessionPair()
        pair.pump()
        for index in 0..<5_000 {
            let stream = UInt32(index) * 2 + 1
            pair.feed(
                RawFrame.headers(stream: stream, Self.fields, endsStream: false)
                    + RawFrame.frame(type: 8, flags: 0, stream: stream, [0x7f, 0xff, 0xff, 0xff]))
            pair.client.receive(pair.drain())
            if pair.session?.failure != nil { break }
        }
        pair.client.receive(pair.drain())
        #expect(pair.session?.failure?.code == .enhanceYourCalm)
        #expect(pair.session?.isFinished == true)
    }

    @Test(
        arguments: [
            (4, 0, [], "SETTINGS"), (6, 0, [0, 0, 0, 0, 0, 0, 0, 0], "PING"), (8, 0, [0, 0, 0, 1], "WINDOW_UPDATE"),
        ] as [(UInt8, UInt8, [UInt8], String)])
    func connectionFrames(_ type: UInt8, _ flags: UInt8, _ payload: [UInt8], _ name: String) throws {
        let one = RawFrame.frame(type: type, flags: flags, stream: 0, payload)
        let pair = try flooded((0..<20_000).flatMap { _ in one })
        #expect(pair.session?.failure?.code == .enhanceYourCalm, "\(name)")
        #expect(goAwayCode(pair) == HTTP2ErrorCode.enhanceYourCalm, "\(name)")
        #expect(pair.session?.isFinished == true)
    }

    @Test func emptyDataAndPriority() throws {
        let open = RawFrame.headers(stream: 1, Self.fields, endsStream: false)
        let empty = RawFrame.frame(type: 0, flags: 0, stream: 1, [])
        #expect(try flooded(open + (0..<5_000).flatMap { _ in empty }).session?.failure?.code == .enhanceYourCalm)
        let priority = RawFrame.frame(type: 2, flags: 0, stream: 1, [0, 0, 0, 0, 1])
        #expect(try flooded(open + (0..<20_000).flatMap { _ in priority }).session?.failure?.code == .enhanceYourCalm)
    }

    @Test func continuation() throws {
        let open = RawFrame.headers(stream: 1, Self.fields, endsStream: false, endsHeaders: false)
        let more = RawFrame.frame(type: 9, flags: 0, stream: 1, RawFrame.literals([("a", "b")]))
        let pair = try flooded(open + (0..<10_000).flatMap { _ in more })
        #expect(pair.session?.failure != nil)
        _ = pair.drain()
        #expect(pair.session?.isFinished == true)
    }

    @Test func hugeHeaderBlockEndsTheConnection() throws {
        let field = ("a", String(repeating: "b", count: 10_000))
        let open = RawFrame.headers(stream: 1, Self.fields, endsStream: false, endsHeaders: false)
        var frames = open
        for _ in 0..<7 { frames += RawFrame.frame(type: 9, flags: 0, stream: 1, RawFrame.literals([field])) }
        let pair = try flooded(frames)
        #expect(pair.session?.failure != nil)
    }

    @Test func ordinaryPingsGoOnForEver() throws {
        let pair = try SessionPair()
        pair.pump()
        for round in 1...10_000 {
            pair.nowMillis = Int64(round) * 10_000
            pair.client.ping()
            pair.pump()
        }
        #expect(pair.session?.failure == nil)
        #expect(pair.client.pingAcknowledgements == 10_000)
    }

    @Test func pingsThatFollowAnswersAreFree() throws {
        let pair = try SessionPair()
        pair.onEnded = { session, stream in session.respondOnly(on: stream, headers: SessionPair.response) }
        for _ in 0..<2_000 {
            _ = pair.client.open(GRPCTestClient.fields("/a.B/C"), isEnded: true)
            pair.client.ping()
            pair.pump()
        }
        #expect(pair.session?.failure == nil)
    }

    @Test func limitsRefillWithTime() {
        var limits = AbuseLimits(AbuseLimits.Configuration(), nowMillis: 0)
        var count = 0
        while limits.record(.reset, nowMillis: 0) { count += 1 }
        #expect(count == 1_500)
        // A hundred a second; a clock that stands still or steps back gives nothing away.
        let steps: [(Int64, Bool)] = [(9, false), (20, true), (20, true), (20, false), (-5_000, false)]
        for (millis, isAllowed) in steps {
            let answer = limits.record(.reset, nowMillis: millis)
            #expect(answer == isAllowed, "at \(millis)")
        }
        count = 0
        while limits.record(.reset, nowMillis: 10_000_000) { count += 1 }
        #expect(count == 1_500)
    }
}
