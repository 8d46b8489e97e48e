import GRPCTestClient
import Testing

@testable import GRPCServer

@Suite struct TimerWheelTests {
    @Test func firesAtOrAfterTheDeadlineNeverBefore() {
        var wheel = TimerWheel<Int>(nowMillis: 1_000)
        _ = wheel.insert(1, deadlineMillis: 1_100)
        _ = wheel.insert(2, deadlineMillis: 500)
        let gone = wheel.insert(3, deadlineMillis: 1_100)
        wheel.remove(gone)
        #expect(wheel.advance(nowMillis: 1_000) == [])
        #expect(wheel.advance(nowMillis: 1_020) == [2])
        #expect(wheel.advance(nowMillis: 1_099) == [])
        #expect(wheel.advance(nowMillis: 1_130) == [1])
        #expect(wheel.count == 0)
        #expect(wheel.nextWakeMillis == nil)
    }

    @Test func agreesWithASortedListUnderRandomUse() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var now: Int64 = 0
            var wheel = TimerWheel<Int>(slotMillis: 16, slotCount: 64, nowMillis: now)
            var model: [Int: (deadline: Int64, token: TimerWheel<Int>.Token)] = [:]
            for step in 0..<400 {
                switch Int.random(in: 0...3, using: &random) {
                case 0, 1:
                    let deadline = now + Int64.random(in: -10...5_000, using: &random)
                    model[step] = (deadline, wheel.insert(step, deadlineMillis: deadline))
                case 2:
                    guard let victim = model.randomElement() else { continue }
                    wheel.remove(victim.value.token)
                    model[victim.key] = nil
                default:
                    now += Int64.random(in: 0...2_500, using: &random)
                    if let wake = wheel.nextWakeMillis {
                        let earliest = model.values.map(\.deadline).min() ?? 0
                        #expect(wake <= max(earliest, now) + 2_500 + 16)
                    }
                    for payload in wheel.advance(nowMillis: now) {
                        let entry = model.removeValue(forKey: payload)
                        #expect(entry.map { $0.deadline <= now } == true)
                    }
                    #expect(model.values.allSatisfy { $0.deadline > now - 32 })
                }
                #expect(wheel.count == model.count)
            }
        }
    }
}

@Suite struct ConnectionSnifferTests {
    private func decide(_ text: String) -> ConnectionSniffer.Decision { decide(Array(text.utf8)) }

    private func decide(_ bytes: [UInt8]) -> ConnectionSniffer.Decision {
        bytes.withUnsafeBytes { ConnectionSniffer.decide($0) }
    }

    @Test func tellsProtocolsApart() {
        #expect(decide("") == .needsMore)
        #expect(decide("P") == .needsMore)
        #expect(decide("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .http2)
        #expect(decide("PRI * HTTP/2.0\r\n\r\nSM\r\n\r") == .needsMore)
        #expect(decide("PRI * HTTP/1.0\r\n") == .http1)
        #expect(decide("POST") == .needsMore)
        #expect(decide("POST /x HTTP/1.1\r\n") == .http1)
        #expect(decide("GET /") == .http1)
        #expect(decide("get /") == .unknown)
        #expect(decide("ABCDEFGHIJKLMNOPQ /") == .unknown)
        #expect(decide([0x16]) == .needsMore)
        #expect(decide([0x16, 3]) == .tls)
        #expect(decide([0x16, 2]) == .unknown)
        #expect(decide([0, 0, 0, 40, 0, 0, 0, 20]) == .needsMore)
        #expect(decide([0, 0, 0, 40, 0, 0, 0, 20] + Array("{".utf8)) == .remoting(opaque: 0))
        #expect(decide([0, 0, 0, 40, 0, 0, 0, 20] + Array("{\"opaque\": 7,".utf8)) == .remoting(opaque: 7))
        #expect(decide([0, 0, 0, 40, 1, 0, 0, 20, 0, 10, 0, 1, 2, 0, 0, 1, 2]) == .remoting(opaque: 258))
        #expect(decide([0, 0, 0, 40, 2, 0, 0, 20, 1]) == .unknown)
        #expect(decide([0, 0, 0, 0, 0, 0, 0, 20, 1]) == .unknown)
    }

    @Test func readsProxyHeaders() {
        #expect(decide("PROXY TCP4 1.2.3.4 5.6.7.8 99 8081\r\nPRI") == .proxyHeader(bytes: 36, source: "1.2.3.4:99"))
        #expect(decide("PROXY TCP6 ::1 ::2 99 8081\r\n") == .proxyHeader(bytes: 28, source: "[::1]:99"))
        #expect(decide("PROXY UNKNOWN\r\n") == .proxyHeader(bytes: 15, source: nil))
        #expect(decide("PROXY TCP4 1.2.3.4") == .needsMore)
        #expect(decide("PROXY TCP4 1.2.3.4 5.6.7.8 99999 8081\r\n") == .unknown)
        #expect(decide("PROXY\n") == .unknown)
        #expect(decide("PROXY \n") == .unknown)
        #expect(decide("PROXY " + String(repeating: "x", count: 200)) == .unknown)
        let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
        let v4: [UInt8] = [10, 0, 0, 7, 10, 0, 0, 1, 0x12, 0x67, 0x1f, 0x91]
        #expect(decide(signature + [0x21, 0x11, 0, 12] + v4) == .proxyHeader(bytes: 28, source: "10.0.0.7:4711"))
        #expect(decide(signature + [0x21, 0x11, 0, 12] + v4.dropLast()) == .needsMore)
        #expect(decide(signature + [0x20, 0, 0, 0]) == .proxyHeader(bytes: 16, source: nil))
        #expect(decide(signature + [0x21, 0x11, 0xff, 0xff]) == .unknown)
        #expect(decide(signature + [0x31, 0x11, 0, 12]) == .unknown)
        let v6 = [UInt8](repeating: 0, count: 15) + [1] + [UInt8](repeating: 0, count: 16) + [0, 80, 0, 81]
        #expect(
            decide(signature + [0x21, 0x21, 0, 36] + v6) == .proxyHeader(bytes: 52, source: "[0:0:0:0:0:0:0:1]:80"))
    }

    @Test func anyBytesGetADecision() {
        var random = SystemRandomNumberGenerator()
        let starts = ["", "PROXY ", "\r\n\r\n\0\r\nQUIT\n", "PRI * HTTP/2.0\r\n\r\n", "\0\0\0"].map { Array($0.utf8) }
        for _ in 0..<20_000 {
            var bytes = starts[Int.random(in: 0..<starts.count, using: &random)]
            for _ in 0..<Int.random(in: 0...120, using: &random) { bytes.append(.random(in: 0...255, using: &random)) }
            if case .proxyHeader(let count, _) = decide(bytes) { #expect(count <= bytes.count) }
        }
    }
}

@Suite struct MessageDeframerTests {
    /// Feeds a body in pieces and collects the messages, or the failure's status.
    private func messages(_ body: [UInt8], piece: Int, bytesMax: Int = 100_000) -> (messages: [[UInt8]], failure: Int?)
    {
        var deframer = MessageDeframer(messageBytesMax: bytesMax)
        var found: [[UInt8]] = []
        var failure: Int?
        var rest = body[...]
        while !rest.isEmpty && failure == nil {
            Array(rest.prefix(piece)).withUnsafeBytes { bytes in
                var input = bytes
                while failure == nil {
                    switch deframer.next(from: &input) {
                    case .needsMore: return
                    case .message(let message, _): found.append(Array(message))
                    case .failure(let status, _): failure = status.rawValue
                    }
                }
            }
            rest = rest.dropFirst(piece)
        }
        return (found, failure)
    }

    @Test func cutsMessagesWhateverThePieces() {
        let wanted: [[UInt8]] = [[], [1], Array(repeating: 2, count: 9_000), [], [3, 4]]
        let body = wanted.flatMap { GRPCTestClient.frame($0) }
        for piece in [1, 2, 3, 5, 7, 64, 4_096, 9_003, 100_000] {
            #expect(messages(body, piece: piece).messages == wanted, "pieces of \(piece)")
        }
    }

    @Test func failsAtThePrefix() {
        #expect(messages([0, 0, 1, 0x86, 0xa1], piece: 2).failure == 8)
        #expect(messages([2, 0, 0, 0, 0], piece: 1).failure == 13)
        #expect(messages([0, 0xff, 0xff, 0xff, 0xff, 0], piece: 6).failure == 8)
    }

    @Test func memoryFollowsWhatArrivedNotWhatIsClaimed() {
        var deframer = MessageDeframer(messageBytesMax: 1 << 30)
        let start: [UInt8] = [0, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3]
        start.withUnsafeBytes { bytes in
            var input = bytes
            guard case .needsMore = deframer.next(from: &input) else {
                Issue.record("a message came out of eight bytes")
                return
            }
        }
        let (memoryBytes, isInside) = (deframer.memoryBytes, deframer.isInsideMessage)
        #expect(memoryBytes <= 4_096)
        #expect(isInside)
    }
}
