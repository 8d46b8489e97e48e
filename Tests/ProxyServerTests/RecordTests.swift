import MessageModel
import NIOCore
import Testing

@testable import ProxyServer

@Suite struct RecordTests {
    /// A record as a broker stores it.
    static func record(
        topic: String = "t", body: [UInt8] = [1, 2, 3], properties: String = "TAGS\u{1}a\u{2}", isLong: Bool = false,
        isIPv6: Bool = false
    ) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(0 as Int32)
        buffer.writeInteger(isLong ? 0xDAA3_20AB : 0xDAA3_20A7 as UInt32)
        buffer.writeInteger(0 as Int32)
        buffer.writeInteger(5 as Int32)
        buffer.writeInteger(0 as Int32)
        buffer.writeInteger(42 as Int64)
        buffer.writeInteger(4_096 as Int64)
        buffer.writeInteger(isIPv6 ? 0x30 : 0 as Int32)
        buffer.writeInteger(111 as Int64)
        if isIPv6 {
            buffer.writeBytes([UInt8](repeating: 0, count: 15) + [1])
        } else {
            buffer.writeBytes([10, 0, 0, 1])
        }
        buffer.writeInteger(5_000 as Int32)
        buffer.writeInteger(222 as Int64)
        if isIPv6 {
            buffer.writeBytes([UInt8](repeating: 0, count: 15) + [2])
        } else {
            buffer.writeBytes([10, 0, 0, 2])
        }
        buffer.writeInteger(10_911 as Int32)
        buffer.writeInteger(3 as Int32)
        buffer.writeInteger(0 as Int64)
        buffer.writeInteger(Int32(body.count))
        buffer.writeBytes(body)
        if isLong {
            buffer.writeInteger(Int16(topic.utf8.count))
        } else {
            buffer.writeInteger(UInt8(topic.utf8.count))
        }
        buffer.writeString(topic)
        buffer.writeInteger(Int16(properties.utf8.count))
        buffer.writeString(properties)
        buffer.setInteger(Int32(buffer.readableBytes), at: 0)
        return Array(buffer.readableBytesView)
    }

    @Test(arguments: [false, true], [false, true])
    func aRecordIsRead(isLong: Bool, isIPv6: Bool) throws {
        let bytes = [0, 0, 0] + Self.record(isLong: isLong, isIPv6: isIPv6)
        try bytes.withUnsafeBytes { raw in
            let read = try #require(PoppedMessage.read(raw, from: 3))
            #expect(read.byteCount == bytes.count - 3)
            #expect(read.topicKind == .normal)
            let message = read.message
            #expect(Array(raw[message.body]) == [1, 2, 3])
            #expect(String(decoding: raw[message.properties], as: UTF8.self) == "TAGS\u{1}a\u{2}")
            #expect(message.queueId == 5)
            #expect(message.queueOffset == 42)
            #expect(message.logOffset == 4_096)
            #expect(message.bornMillis == 111)
            #expect(message.storeMillis == 222)
            #expect(message.reconsumeTimes == 3)
            var host = ByteBuffer()
            HostText.write(message.storeHost, withPort: true, into: &host)
            #expect(String(buffer: host) == (isIPv6 ? "[0:0:0:0:0:0:0:2]:10911" : "10.0.0.2:10911"))
        }
    }

    @Test func retryTopicsAreRecognised() {
        for (topic, kind) in [("%RETRY%g_t", PopTopicKind.retryV1), ("%RETRY%g+t", .retryV2)] {
            let bytes = Self.record(topic: topic)
            #expect(bytes.withUnsafeBytes { PoppedMessage.read($0, from: 0)?.topicKind } == kind)
        }
    }

    @Test func damagedRecordsAreRefused() {
        let whole = Self.record()
        for count in 0..<whole.count {
            #expect(whole[..<count].withUnsafeBytes { PoppedMessage.read($0, from: 0) } == nil)
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255) }
            bytes.withUnsafeBytes { raw in
                guard let read = PoppedMessage.read(raw, from: 0) else { return }
                #expect(read.byteCount <= raw.count)
                #expect(read.message.properties.upperBound <= raw.count)
            }
        }
    }
}
