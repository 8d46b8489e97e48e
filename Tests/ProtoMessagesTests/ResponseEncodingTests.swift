import MessageModel
import NIOCore
import Testing

@testable import ProtoMessages

@Suite struct ResponseEncodingTests {
    @Test func statusOnly() throws {
        var buffer = ByteBuffer()
        ResponseEncoder.statusOnly(ProtoStatus(.illegalTopic, "bad"), into: &buffer)
        let status = try #require(try WireReading(buffer).message(1))
        #expect(status.number(1) == 40002)
        #expect(status.text(2) == "bad")
    }

    @Test(arguments: [0, 1, 120, 127, 128, 16_383, 16_384, 100_000])
    func nestedLengthsAreRight(count: Int) throws {
        for hint in [0, 100, 200, 20_000] {
            var buffer = ByteBuffer()
            let content = [UInt8](repeating: 9, count: count)
            buffer.writeProto(capacity: count + 64) { writer in
                writer.message(3, sizeHint: hint) { inner in
                    content.withUnsafeBytes { inner.explicitBytes(1, $0) }
                }
                writer.integer(4, 77)
            }
            let reading = try WireReading(buffer)
            #expect(try reading.message(3)?.blobs(1) == [content])
            #expect(reading.number(4) == 77)
        }
    }

    @Test func sendEntries() throws {
        var buffer = ByteBuffer()
        let entries = (0..<3).map {
            SendResultEntry(
                status: .ok, messageID: "ID\($0)", transactionID: "T", offset: Int64($0), recallHandle: "R")
        }
        ResponseEncoder.sendMessage(ProtoStatus(.multipleResults, "m"), entries: entries, into: &buffer)
        let reading = try WireReading(buffer)
        #expect(try reading.message(1)?.number(1) == 30000)
        let read = try reading.messages(2)
        #expect(read.map { $0.text(2) } == ["ID0", "ID1", "ID2"])
        #expect(read.map { $0.number(4) } == [nil, 1, 2])
        #expect(read[0].text(5) == "R")
    }

    @Test func timesKeepTheirSign() throws {
        var buffer = ByteBuffer()
        buffer.writeProto(capacity: 128) { writer in
            writer.timestamp(1, millis: -1)
            writer.timestamp(2, millis: 1_700_000_000_123)
            writer.duration(3, millis: 10)
        }
        let reading = try WireReading(buffer)
        #expect(try reading.message(1)?.number(1) == -1)
        #expect(try reading.message(1)?.number(2) == 999_000_000)
        #expect(try reading.message(2)?.number(2) == 123_000_000)
        #expect(try reading.message(3)?.number(2) == 10_000_000)
    }

    @Test func settingsEchoAndDecide() throws {
        let arena = DecodeArena()
        let bytes = Wire {
            $0.message(2) { settings in
                settings.varint(1, 1)
                settings.message(2) {
                    $0.varint(1, 3)
                    $0.message(2) {
                        $0.text(1, "proxy.example")
                        $0.varint(2, 443)
                    }
                }
                settings.message(4) { $0.varint(1, 3) }
                settings.message(5) {
                    $0.message(1) {
                        $0.text(1, "ns")
                        $0.text(2, "t")
                    }
                    $0.varint(2, 1)
                }
                settings.message(7) {
                    $0.varint(1, 6)
                    $0.text(2, "5.1.2")
                }
            }
        }.bytes
        let view = try bytes.withUnsafeBytes { try TelemetryCommandView($0, in: arena) }
        guard case .settings(let settings) = view.command else {
            Issue.record("no settings")
            return
        }
        let answer = SettingsAnswer(
            attemptCountMax: 3, backoff: .exponential(initialMillis: 10, maxMillis: 1_000, multiplier: 2),
            bodyBytesMax: 4_194_304, isMessageTypeValidated: true)
        var buffer = ByteBuffer()
        ResponseEncoder.settings(settings, answer, into: &buffer)
        let reading = try WireReading(buffer)
        #expect(try reading.message(1)?.number(1) == 20000)
        let echoed = try #require(try reading.message(2))
        #expect(echoed.number(1) == 1)
        #expect(try echoed.message(2)?.message(2)?.text(1) == "proxy.example")
        let backoff = try #require(try echoed.message(3))
        #expect(backoff.number(1) == 3)
        #expect(try backoff.message(2)?.message(1)?.number(2) == 10_000_000)
        #expect(backoff.blobs(3).isEmpty)
        #expect(try echoed.message(4)?.number(1) == 3)
        let publishing = try #require(try echoed.message(5))
        #expect(try publishing.message(1)?.text(1) == "ns")
        #expect(publishing.number(2) == 4_194_304)
        #expect(publishing.number(3) == 1)
        #expect(try echoed.message(7)?.text(2) == "5.1.2")
        #expect(try echoed.message(8)?.number(1) == nil)
    }

    @Test(arguments: [
        (0, 20000), (2, 42900), (10, 50401), (11, 50002), (12, 50402), (17, 40402), (26, 40403), (1, 50001),
        (3, 50100), (23, 40010), (29, 40000), (209, 42900), (16, 50001), (13, 50001),
    ])
    func brokerCodesMap(code: Int32, expected: Int32) {
        #expect(StatusMapping.code(for: ResponseCode(rawValue: code)).rawValue == expected)
    }
}

@Suite struct TextValidationTests {
    @Test func utf8Validation() {
        func isValid(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { UTF8Validation.isValid($0) } }
        #expect(isValid(Array("héllo wörld — ✓ 𝄞 日本語".utf8)))
        #expect(isValid([]))
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...12, using: &generator)
            let bytes = (0..<count).map { _ in
                Bool.random(using: &generator) ? UInt8.random(in: 0x61...0x7A) : UInt8.random(in: 0x80...0xFF)
            }
            #expect(isValid(bytes) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }
}
