import MessageModel
import NIOCore
import RemotingCodec
import Testing

@Suite("Frames against recorded bytes")
struct FrameTests {
    @Test("There are recordings")
    func recordings() {
        #expect(GoldenFrame.all.count > 600)
    }

    @Test("Every recorded frame decodes to its header")
    func decode() throws {
        for frame in GoldenFrame.all {
            let command = try frame.decoded()
            try expectHeader(command, of: frame)
        }
    }

    @Test("Every recorded frame encodes again to an equal header, body and format")
    func encodeAgain() throws {
        for frame in GoldenFrame.all {
            let command = try frame.decoded()
            var buffer = ByteBuffer()
            try RemotingFrameEncoder.encode(command, into: &buffer)
            var decoder = RemotingFrameDecoder()
            decoder.append(buffer)
            let again = try #require(try decoder.next())
            try expectHeader(again, of: frame)
            #expect(again.body == command.body)
            #expect(again.headerFormat == command.headerFormat)
            #expect(decoder.pendingByteCount == 0)
        }
    }

    @Test("Every recorded frame can change its header format, as long as its code fits")
    func changeFormat() throws {
        for frame in GoldenFrame.all {
            var command = try frame.decoded()
            guard command.code <= 32767 else { continue }
            command.headerFormat = command.headerFormat == .json ? .rocketmq : .json
            var buffer = ByteBuffer()
            try RemotingFrameEncoder.encode(command, into: &buffer)
            var decoder = RemotingFrameDecoder()
            decoder.append(buffer)
            let again = try #require(try decoder.next())
            // The binary format cannot tell empty from absent.
            let expected = command.fields.pairs().filter { !$0.value.isEmpty }
            #expect(dictionary(again.fields).filter { !$0.value.isEmpty } == dictionary(expected))
            #expect(again.code == command.code && again.opaque == command.opaque && again.flag == command.flag)
        }
    }

    @Test("A stream cut anywhere gives the same commands", arguments: [1, 2, 3, 7, 64, 1021])
    func chunks(size: Int) throws {
        let frames = GoldenFrame.all.filter { $0.bytes.readableBytes < 2000 }.prefix(60)
        var stream = ByteBuffer()
        for frame in frames { stream.writeImmutableBuffer(frame.bytes) }
        var decoder = RemotingFrameDecoder()
        var commands: [RemotingCommand] = []
        while stream.readableBytes > 0 {
            let chunk = stream.readSlice(length: min(size, stream.readableBytes))
            decoder.append(try #require(chunk))
            while let command = try decoder.next() { commands.append(command) }
        }
        #expect(commands.count == frames.count)
        for (command, frame) in zip(commands, frames) { try expectHeader(command, of: frame) }
    }

    @Test("Codes that the binary format cuts are mapped back in requests")
    func cutCodes() throws {
        for code in [200_050, 200_051, 200_052, 200_053, 200_054, 200_055, 200_056, 200_151] as [Int32] {
            let request = try roundTrip(RemotingCommand(code: code, headerFormat: .rocketmq))
            #expect(request.code == code)
            let answer = try roundTrip(RemotingCommand(code: 3442, flag: 1, headerFormat: .rocketmq))
            #expect(answer.code == 3442)
        }
    }

    @Test("Header fields of every kind come back")
    func fieldKinds() throws {
        for format in [HeaderFormat.json, .rocketmq] {
            var buffer = ByteBuffer()
            let head = RemotingFrameHead(
                code: -1000, opaque: .max, flag: 1, remark: "a \"b\" \\ \n\u{1}ü😀", format: format)
            try RemotingFrameEncoder.encode(
                head, into: &buffer,
                fields: { writer in
                    writer.write("text", "x\u{1}y\u{2}\"\\/\t世界😀")
                    writer.write("min", Int64.min)
                    writer.write("max", Int64.max)
                    writer.write("small", Int32.min)
                    writer.write("yes", true)
                    writer.write("no", false)
                    writer.write("absent", String?.none)
                    writer.write(name: "a\"b", value: "c")
                }, body: { $0.writeString("body") })
            var decoder = RemotingFrameDecoder()
            decoder.append(buffer)
            let command = try #require(try decoder.next())
            #expect(command.code == -1000 && command.opaque == .max && command.isResponse)
            #expect(command.remark == "a \"b\" \\ \n\u{1}ü😀")
            #expect(try command.fields.string("text") == "x\u{1}y\u{2}\"\\/\t世界😀")
            #expect(command.fields.buffer("text").map { String(buffer: $0) } == "x\u{1}y\u{2}\"\\/\t世界😀")
            #expect(try command.fields.int64("min") == .min)
            #expect(try command.fields.int64("max") == .max)
            #expect(try command.fields.int32("small") == .min)
            #expect(try command.fields.bool("yes"))
            #expect(try !command.fields.bool("no"))
            #expect(!command.fields.contains("absent"))
            #expect(command.fields.value(named: "a\"b") == "c")
            #expect(String(buffer: command.body) == "body")
            #expect(throws: RemotingCodecError.self) { try command.fields.int32("max") }
            #expect(throws: RemotingCodecError.self) { try command.fields.int64("text") }
            #expect(throws: RemotingCodecError.self) { try command.fields.string("absent") }
        }
    }

    private func roundTrip(_ command: RemotingCommand) throws -> RemotingCommand {
        var buffer = ByteBuffer()
        try RemotingFrameEncoder.encode(command, into: &buffer)
        var decoder = RemotingFrameDecoder()
        decoder.append(buffer)
        return try #require(try decoder.next())
    }

    private func expectHeader(_ command: RemotingCommand, of frame: GoldenFrame) throws {
        let header = frame.header
        let recordedCode = try header.int32("code", default: -1)
        let isCut = command.headerFormat == .rocketmq && !frame.isResponse && command.code > 32767
        #expect((isCut ? command.code & 0xFFFF : command.code) == recordedCode, "\(frame.testDescription)")
        #expect(try command.opaque == header.int32("opaque", default: 0))
        #expect(try command.flag == header.int32("flag", default: 0))
        #expect(try command.version == header.int32("version", default: 0))
        #expect(try command.language.name == header.string("language", default: "OTHER"))
        #expect(try command.remark == header.string("remark"), "\(frame.testDescription)")
        // Java reads an empty text of the binary format as absent, and so do we.
        let recorded = command.headerFormat == .json ? frame.fields : frame.fields.filter { !$0.value.isEmpty }
        #expect(dictionary(command.fields) == recorded, "\(frame.testDescription)")
    }

    private func dictionary(_ fields: HeaderFields) -> [String: String] { dictionary(fields.pairs()) }

    private func dictionary(_ pairs: [(name: String, value: String)]) -> [String: String] {
        Dictionary(pairs.map { ($0.name, $0.value) }) { $1 }
    }
}
