import MessageModel
import NIOCore
import RemotingCodec
import Testing

/// Damaged recordings, the same ones in every run: whatever comes out is a command or a typed error, never a crash.
@Suite("Fuzz over the recorded frames")
struct FuzzTests {
    /// A small generator, so that a run is repeated by its seed alone.
    struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    private static let corpus = GoldenFrame.all.filter { $0.bytes.readableBytes < 1200 }.map {
        Array($0.bytes.readableBytesView)
    }

    @Test("Bit flips, cuts and splices of frames", arguments: [1, 2, 3] as [UInt64])
    func frames(seed: UInt64) {
        var random = SplitMix(state: seed)
        for _ in 0..<8_000 {
            let bytes = damaged(Self.corpus, &random)
            var decoder = RemotingFrameDecoder(frameBytesMax: 1 << 16)
            decoder.append(ByteBuffer(bytes: bytes))
            do throws(RemotingCodecError) {
                while let command = try decoder.next() { use(command) }
            } catch {
                #expect(error.breaksFraming)
            }
            #expect(decoder.pendingByteCount <= bytes.count)
        }
    }

    @Test("Bit flips, cuts and splices of stored records", arguments: [4, 5] as [UInt64])
    func records(seed: UInt64) {
        var random = SplitMix(state: seed)
        let corpus = goldenLines("messages").compactMap { HexText.bytes($0["hex"]?.text ?? "") }
        #expect(corpus.count > 40)
        for _ in 0..<10_000 {
            let buffer = ByteBuffer(bytes: damaged(corpus, &random))
            if let records = try? MessageRecord.all(in: buffer) {
                for record in records {
                    _ = (record.topic, record.body, record.bornHost.description, record.property("UNIQ_KEY"))
                }
            }
            _ = try? BatchMessage.decode(buffer, countMax: 100)
        }
    }

    @Test("Random texts of pop answers", arguments: [6] as [UInt64])
    func popInfo(seed: UInt64) {
        var random = SplitMix(state: seed)
        let alphabet = Array("0123456789 ;,qo%-x".utf8)
        for _ in 0..<10_000 {
            let text = String(
                decoding: (0..<Int.random(in: 0..<24, using: &random)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                }, as: UTF8.self)
            _ = try? PopInfo(startOffsetInfo: text, messageOffsetInfo: text, orderCountInfo: text)
        }
    }

    private func damaged(_ corpus: [[UInt8]], _ random: inout SplitMix) -> [UInt8] {
        var bytes = corpus[Int.random(in: 0..<corpus.count, using: &random)]
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
        case 1:
            let other = corpus[Int.random(in: 0..<corpus.count, using: &random)]
            let cut = Int.random(in: 0...min(bytes.count, other.count), using: &random)
            bytes = Array(bytes[..<cut]) + Array(other[cut...])
        case 2:
            bytes += corpus[Int.random(in: 0..<corpus.count, using: &random)]
        case 3:
            let at = Int.random(in: 0..<bytes.count, using: &random)
            bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF].prefix(Int.random(in: 1...4, using: &random)), at: at)
        default:
            break
        }
        guard !bytes.isEmpty else { return bytes }
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        return bytes
    }

    private func use(_ command: RemotingCommand) {
        _ = command.fields.pairs()
        _ = try? command.header(SendMessageRequestHeader.self)
        _ = try? command.header(SendMessageRequestHeaderV2.self)
        _ = try? command.header(PopMessageRequestHeader.self)
        _ = command.fields.buffer("i")
        if command.body.readableBytes > 0 {
            _ = try? HeartbeatData(decoding: command.body)
            _ = try? TopicRoute(decoding: command.body)
            _ = try? BatchAckBody(decoding: command.body)
            _ = try? RegisterBrokerBody(compressed: command.body, hasMappings: true)
        }
        var buffer = ByteBuffer()
        try? RemotingFrameEncoder.encode(command, into: &buffer)
    }
}
