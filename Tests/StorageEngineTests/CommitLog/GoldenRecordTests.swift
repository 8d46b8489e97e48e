import Foundation
import MessageModel
import NIOCore
import Testing

@testable import StorageEngine

/// Records that Apache RocketMQ 5.1.4 wrote: taken apart here by hand and put together by our encoder.
@Suite struct GoldenRecordTests {
    struct Sample: Decodable {
        let variant: String
        let hex: String
    }

    static func samples() throws -> [Sample] {
        let url = try #require(Bundle.module.url(forResource: "Golden/messages", withExtension: "jsonl"))
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Sample.self, from: Data($0.utf8))
        }
    }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16) ?? 0
        }
    }

    /// The parts of a record, in the order of `store.md` §3 and `remoting.md` §9.1.
    struct Parts {
        var message: StoreMessage
        var checksum: Int32
        var queueOffset: Int64
        var logOffset: Int64
        var storeTimestamp: Int64

        init?(_ record: [UInt8]) {
            var buffer = ByteBuffer(bytes: record)
            guard
                let head = buffer.readMultipleIntegers(
                    as: (Int32, Int32, Int32, Int32, Int32, Int64, Int64, Int32).self),
                head.0 == Int32(record.count)
            else { return nil }
            let flags = MessageSysFlag(rawValue: head.7)
            guard let born = buffer.readInteger(as: Int64.self),
                let bornHost = Self.host(&buffer, isIPv6: flags.contains(.bornHostV6)),
                let stored = buffer.readInteger(as: Int64.self),
                let storeHost = Self.host(&buffer, isIPv6: flags.contains(.storeHostV6)),
                let reconsumed = buffer.readInteger(as: Int32.self), let prepared = buffer.readInteger(as: Int64.self),
                let bodyLength = buffer.readInteger(as: Int32.self),
                let body = buffer.readSlice(length: Int(bodyLength))
            else { return nil }
            let isV2 = head.1 == Int32(bitPattern: 0xDAA3_20AB)
            guard
                let topicLength = isV2
                    ? buffer.readInteger(as: UInt16.self).map(Int.init)
                    : buffer.readInteger(as: UInt8.self).map(Int.init),
                let topic = buffer.readString(length: topicLength), let length = buffer.readInteger(as: UInt16.self),
                let properties = buffer.readSlice(length: Int(length)), buffer.readableBytes == 0
            else { return nil }
            message = StoreMessage(
                topic: topic, queueId: head.3, flag: head.4, sysFlag: flags, bornTimestampMillis: born,
                bornHost: bornHost, storeHost: storeHost, reconsumeTimes: reconsumed,
                preparedTransactionOffset: prepared, properties: properties, body: body)
            (checksum, queueOffset, logOffset, storeTimestamp) = (head.2, head.5, head.6, stored)
        }

        static func host(_ buffer: inout ByteBuffer, isIPv6: Bool) -> SocketHost? {
            guard let address = buffer.readBytes(length: isIPv6 ? 16 : 4), let port = buffer.readInteger(as: Int32.self)
            else { return nil }
            return SocketHost(bytes: address, port: port)
        }
    }

    @Test func ourEncoderWritesTheSameBytes() throws {
        var compared = 0
        for sample in try Self.samples() {
            let record = Self.bytes(sample.hex)
            // A batch body is no record; its messages are compared by the codec's tests.
            guard let parts = Parts(record) else { continue }
            var encoded = try EncodedRecord(parts.message, messageBytesMax: 4 << 20)
            encoded.place(
                queueOffset: parts.queueOffset, logOffset: parts.logOffset, storeTimestampMillis: parts.storeTimestamp)
            // Apache's client library leaves the checksum out; a broker never does.
            if sample.variant.hasPrefix("encoder-") { encoded.bytes.setInteger(parts.checksum, at: 8) }
            #expect(Array(encoded.bytes.readableBytesView) == record, "\(sample.variant)")
            compared += 1
        }
        #expect(compared >= 45)
    }

    @Test func headersAreReadFromThem() throws {
        for sample in try Self.samples() {
            let record = Self.bytes(sample.hex)
            guard let parts = Parts(record) else { continue }
            try record.withUnsafeBytes { bytes in
                guard
                    case .record(let header) = RecordHeader.read(
                        bytes, checksBody: !sample.variant.hasPrefix("encoder-"))
                else { throw StoreError(.io, "\(sample.variant) is not read as a record") }
                let message = header.dispatched(bytes, at: 7, delayLevels: .apache)
                #expect(message.topic == parts.message.topic)
                #expect(message.queueId == parts.message.queueId)
                #expect(message.queueOffset == parts.queueOffset)
                #expect(message.storeTimestampMillis == parts.storeTimestamp)
                #expect(message.size == Int32(record.count))
            }
        }
    }
}
