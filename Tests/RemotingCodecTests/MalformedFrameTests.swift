import MessageModel
import NIOCore
import RemotingCodec
import Testing

@Suite("Damaged and hostile frames")
struct MalformedFrameTests {
    private func decode(_ bytes: [UInt8]) -> RemotingCodecError? {
        var decoder = RemotingFrameDecoder()
        decoder.append(ByteBuffer(bytes: bytes))
        do throws(RemotingCodecError) {
            while try decoder.next() != nil {}
            return nil
        } catch {
            return error
        }
    }

    private func frame(_ header: String, format: UInt8 = 0) -> [UInt8] {
        let text = Array(header.utf8)
        return word(UInt32(text.count + 4)) + word(UInt32(format) << 24 | UInt32(text.count)) + text
    }

    private func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    @Test("A length over the limit is refused before its bytes come", arguments: [0x0100_0001, 0x7FFF_FFFF, .max])
    func tooLong(length: UInt32) {
        #expect(decode(word(length))?.code == .frameTooLarge)
    }

    @Test("A frame too short for its header word is refused")
    func tooShort() {
        #expect(decode(word(3) + [0, 0, 0])?.code == .lyingLength)
        #expect(decode(word(0))?.code == .lyingLength)
    }

    @Test("A header longer than its frame is refused")
    func lyingHeader() {
        #expect(decode(word(8) + word(5) + [0, 0, 0, 0])?.code == .lyingLength)
    }

    @Test("An unknown header format is refused")
    func unknownFormat() {
        #expect(decode(frame("{}", format: 2))?.code == .unknownHeaderFormat)
        #expect(decode(frame("{}", format: 255))?.code == .unknownHeaderFormat)
    }

    @Test(
        "A header that is no JSON object is refused",
        arguments: [
            "", "{", "[]", "{\"code\"}", "{\"code\":}", "{\"code\":1", "{\"code\":1,}", "{\"code\":\"x\"}",
            "{\"code\":99999999999}", "{\"code\":1.5}", "{\"extFields\":{\"a\"}}", "{\"extFields\":{\"a\":\"b}}",
            "{\"a\":[}", "{\"code\":1 \"flag\":0}", "{\"remark\":\"\\",
        ])
    func noJSON(header: String) {
        #expect(decode(frame(header))?.code == .malformedHeader, "\(header)")
    }

    @Test("Deep nesting is refused, not followed")
    func nesting() {
        let deep = String(repeating: "[", count: 5000)
        #expect(decode(frame("{\"x\":" + deep + "}"))?.code == .malformedHeader)
    }

    @Test("Text that is not UTF-8 is refused")
    func badText() {
        var bytes = frame("{\"remark\":\"xx\"}")
        bytes[bytes.count - 4] = 0xFF
        #expect(decode(bytes)?.code == .invalidUTF8)
        for bad in [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE4, 0xB8]] as [[UInt8]] {
            // Code, language, version, opaque, flag, remark.
            let header: [UInt8] =
                [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] + word(UInt32(bad.count)) + bad + word(0)
            let bytes = word(UInt32(header.count + 4)) + word(1 << 24 | UInt32(header.count)) + header
            #expect(decode(bytes)?.code == .invalidUTF8)
        }
    }

    @Test("Lengths inside a binary header are checked")
    func lyingBinaryLengths() {
        let start: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        for tail in [
            word(.max), word(100), word(0), word(0) + word(100), word(0) + word(.max),
            word(0) + word(4) + [0, 9, 1, 1], word(0) + word(3) + [0, 1, 97], word(0) + word(2) + [0xFF, 0xFF],
            word(0) + word(7) + [0, 1, 97] + word(0x7FFF_FFFF),
        ] {
            let header = start + tail
            let bytes = word(UInt32(header.count + 4)) + word(1 << 24 | UInt32(header.count)) + header
            #expect(decode(bytes)?.code == .lyingLength)
        }
    }

    @Test("A broken stream stays broken and keeps no bytes")
    func staysBroken() {
        var decoder = RemotingFrameDecoder()
        decoder.append(ByteBuffer(bytes: word(.max)))
        #expect(throws: RemotingCodecError.self) { try decoder.next() }
        decoder.append(ByteBuffer(bytes: frame("{}")))
        #expect(throws: RemotingCodecError.self) { try decoder.next() }
        #expect(decoder.pendingByteCount == 0)
    }

    @Test("What senders write differently is accepted")
    func lenient() throws {
        let header = """
             { "unknown" : {"a":[1,{"b":null}],"c":"\\"}"} , "opaque":"12","language":9, "extFields" :
             {"n":5,"t":true,"f":1.5e3,"z":null,"o":{"x":[1]},"dup":"1","dup":"2","k\\u0065y":"v\\ud83d\\ude00",
             "half":"\\ud83d","odd":"\\q"}, "code":105,"version":317 } 
            """
        var decoder = RemotingFrameDecoder()
        decoder.append(ByteBuffer(bytes: frame(header)))
        let command = try #require(try decoder.next())
        #expect(command.code == 105 && command.opaque == 12 && command.language == .go && command.version == 317)
        #expect(command.remark == nil && command.flag == 0)
        #expect(try command.fields.int32("n") == 5)
        #expect(try command.fields.bool("t"))
        #expect(try command.fields.string("f") == "1.5e3")
        #expect(!command.fields.contains("z"))
        #expect(try command.fields.string("o") == "{\"x\":[1]}")
        #expect(try command.fields.string("dup") == "2")
        #expect(try command.fields.string("key") == "v😀")
        #expect(try command.fields.string("half") == "\u{FFFD}")
        #expect(try command.fields.string("odd") == "q")
    }

    @Test("An unknown language counts as OTHER, missing parts as their defaults")
    func defaults() throws {
        var decoder = RemotingFrameDecoder()
        decoder.append(ByteBuffer(bytes: frame("{\"language\":\"SWIFT\",\"extFields\":null,\"remark\":null}")))
        let command = try #require(try decoder.next())
        #expect(command.language == .other && command.code == 0 && command.fields.count == 0)
    }

    @Test("A frame over the limit is not sent and leaves nothing behind")
    func encodeTooLarge() {
        var buffer = ByteBuffer(string: "before")
        let body = ByteBuffer(repeating: 0, count: RemotingFrameEncoder.frameBytesMax)
        #expect(throws: RemotingCodecError.self) {
            try RemotingFrameEncoder.encode(
                .request(.heartBeat, opaque: 1), header: EmptyHeader(), body: body, into: &buffer)
        }
        #expect(String(buffer: buffer) == "before")
    }
}
