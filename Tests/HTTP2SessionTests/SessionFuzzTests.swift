import GRPCTestClient
import NIOCore
import Testing

@testable import HTTP2Session

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

/// Valid sessions, broken at random: whatever comes in, the session lives or ends, and its books balance.
@Suite struct SessionFuzzTests {
    /// The bytes a client sends for a few calls.
    private func validBytes(_ random: inout SeededGenerator) throws -> [UInt8] {
        let pair = try SessionPair()
        var bytes = pair.client.drain()
        pair.feed(bytes)
        pair.client.receive(pair.drain())
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let id = pair.client.open(GRPCTestClient.fields("/a.B/C", [("x-mq-client-id", "abc"), ("k", "v")]))
            pair.client.send([UInt8](repeating: 5, count: Int.random(in: 0...3_000, using: &random)), on: id)
            switch Int.random(in: 0...3, using: &random) {
            case 0: pair.client.reset(id)
            case 1: pair.client.ping()
            case 2: pair.client.send([], on: id, isEnded: true)
            default: pair.client.sendSettings()
            }
            bytes += pair.client.drain()
        }
        return bytes
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 0...6, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...4, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
            case 3:
                let piece = bytes[at..<min(bytes.count, at + Int.random(in: 1...60, using: &random))]
                bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
            default: bytes.removeSubrange(at...)
            }
        }
    }

    @Test func brokenBytesNeverBreakTheSession() throws {
        for seed in 1...1_500 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var bytes = try validBytes(&random)
            mutate(&bytes, &random)
            let pair = try SessionPair()
            pair.onStarted = { session, stream in
                if stream.id % 3 == 0 { session.respondOnly(on: stream, headers: SessionPair.response) }
            }
            pair.onEnded = { session, stream in
                session.respond(on: stream, headers: SessionPair.response)
                session.append(on: stream) { $0.writeRepeatingByte(1, count: 2_000) }
                session.finish(on: stream, trailers: SessionPair.trailers)
            }
            var rest = bytes[...]
            var sentBytes = 0
            while !rest.isEmpty {
                let count = Int.random(in: 1...800, using: &random)
                pair.feed(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
                sentBytes += pair.drain().count
            }
            #expect(sentBytes < 200_000, "seed \(seed)")
            let session = try #require(pair.session)
            #expect(session.queuedBytes >= 0 && session.openStreamCount <= 16, "seed \(seed)")
            pair.close()
            let started = Set(pair.events.compactMap { if case .started(let id) = $0 { id } else { nil } })
            let closed = pair.events.compactMap { if case .closed(let id, _) = $0 { id } else { nil } }
            #expect(closed.count == Set(closed).count, "seed \(seed): a stream closed twice")
            #expect(started.isSubset(of: Set(closed)), "seed \(seed): a stream was forgotten")
        }
    }
}
