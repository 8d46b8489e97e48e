import MessageModel
import NIOCore

/// Address and port as a stored message carries them.
package struct RecordHost: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes.
    package var address: [UInt8]
    /// The port.
    package var port: Int32

    /// A host.
    package init(address: [UInt8], port: Int32) {
        self.address = address
        self.port = port
    }

    /// `1.2.3.4:port` or `[v6]:port`.
    package var description: String { address.count == 16 ? "[\(ip)]:\(port)" : "\(ip):\(port)" }

    /// The address alone.
    package var ip: String {
        (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: address), port: 0))?.ipAddress ?? "unknown"
    }
}

/// One stored message, read where it lies in the body of a pull, pop, query or view answer. Text and body are found
/// but not copied; slices share the answer's memory.
package struct MessageRecord: Sendable {
    /// The two forms of a record: one byte for the topic's length, or two.
    private static let magicV1 = Int32(bitPattern: 0xDAA3_20A7)
    private static let magicV2 = Int32(bitPattern: 0xDAA3_20AB)
    /// Everything before the born host.
    private static let fixedBytes = 48

    /// Bytes of the whole record.
    package let byteCount: Int
    /// Check sum of the body as stored.
    package let bodyCheckSum: Int32
    /// The queue.
    package let queueId: Int32
    /// The user's flag.
    package let flag: Int32
    /// Position in the queue.
    package let queueOffset: Int64
    /// Position in the commit log.
    package let logOffset: Int64
    /// Compression, transaction state, address families.
    package let sysFlag: MessageSysFlag
    /// When the producer made the message.
    package let bornTimestampMillis: Int64
    /// When the broker stored it.
    package let storeTimestampMillis: Int64
    /// Earlier delivery attempts.
    package let reconsumeTimes: Int32
    /// Log offset of the half message that this one ended, 0 for none.
    package let preparedTransactionOffset: Int64

    private let bytes: ByteBuffer
    private let bornHostRange: Range<Int>
    private let storeHostRange: Range<Int>
    private let bodyRange: Range<Int>
    private let topicRange: Range<Int>
    private let propertiesRange: Range<Int>

    // MARK: Decoding

    /// Takes the first record off a buffer of records; nil when the buffer is empty.
    package static func next(in records: inout ByteBuffer) throws(RemotingCodecError) -> MessageRecord? {
        guard records.readableBytes > 0 else { return nil }
        guard let size = records.getInteger(at: records.readerIndex, as: Int32.self), size >= fixedBytes,
            let bytes = records.readSlice(length: Int(size))
        else {
            throw RemotingCodecError(.malformedRecord, "a record's size does not fit into the answer")
        }
        return try MessageRecord(bytes)
    }

    /// All records of a buffer.
    package static func all(in records: ByteBuffer) throws(RemotingCodecError) -> [MessageRecord] {
        var rest = records
        var list: [MessageRecord] = []
        while let record = try next(in: &rest) { list.append(record) }
        return list
    }

    /// Reads one record that fills the whole buffer.
    package init(_ bytes: ByteBuffer) throws(RemotingCodecError) {
        var reader = RecordReader(bytes)
        self.bytes = bytes
        byteCount = bytes.readableBytes
        guard try reader.take(Int32.self) == Int32(clamping: byteCount) else {
            throw RemotingCodecError(.malformedRecord, "a record's size is not that of its bytes")
        }
        let magic = try reader.take(Int32.self)
        guard magic == Self.magicV1 || magic == Self.magicV2 else {
            throw RemotingCodecError(.malformedRecord, "unknown kind of record \(magic)")
        }
        bodyCheckSum = try reader.take(Int32.self)
        queueId = try reader.take(Int32.self)
        flag = try reader.take(Int32.self)
        queueOffset = try reader.take(Int64.self)
        logOffset = try reader.take(Int64.self)
        sysFlag = MessageSysFlag(rawValue: try reader.take(Int32.self))
        bornTimestampMillis = try reader.take(Int64.self)
        bornHostRange = try reader.skip(sysFlag.contains(.bornHostV6) ? 20 : 8)
        storeTimestampMillis = try reader.take(Int64.self)
        storeHostRange = try reader.skip(sysFlag.contains(.storeHostV6) ? 20 : 8)
        reconsumeTimes = try reader.take(Int32.self)
        preparedTransactionOffset = try reader.take(Int64.self)
        bodyRange = try reader.skip(Int(try reader.take(Int32.self)))
        if magic == Self.magicV1 {
            topicRange = try reader.skip(Int(try reader.take(UInt8.self)))
        } else {
            topicRange = try reader.skip(Int(try reader.take(UInt16.self)))
        }
        propertiesRange = try reader.skip(Int(try reader.take(Int16.self)))
    }

    // MARK: Parts

    /// The body as stored, compressed when `sysFlag` says so.
    package var body: ByteBuffer { slice(bodyRange) }
    /// The body, unpacked where zlib packed it; as it is stored where it is packed otherwise or too large.
    package var unpackedBody: ByteBuffer {
        guard sysFlag.contains(.compressed), let unpacked = try? Zlib.inflate(body, byteCountMax: Self.unpackedBytesMax)
        else { return body }
        return unpacked
    }
    private static let unpackedBytesMax = 64 << 20
    /// The property string's bytes.
    package var properties: ByteBuffer { slice(propertiesRange) }
    /// The whole record.
    package var wholeBytes: ByteBuffer { bytes }
    /// The stored topic's name.
    package var topic: String { withTopic { String(decoding: $0, as: UTF8.self) } }
    /// The producer's address.
    package var bornHost: RecordHost { host(bornHostRange) }
    /// The broker's address.
    package var storeHost: RecordHost { host(storeHostRange) }

    /// Whether the body is the one that was stored. Encoders of clients leave the check sum 0.
    package var isBodyIntact: Bool { withBody { bodyCheckSum == 0 || Zlib.checkSum($0) == bodyCheckSum } }

    /// The value of a property, nil when absent.
    package func property(_ name: StaticString) -> String? {
        withProperties { text in
            PropertyText.find(name, in: text).map {
                String(decoding: UnsafeRawBufferPointer(rebasing: text[$0]), as: UTF8.self)
            }
        }
    }

    /// The body's bytes, valid during the call.
    package func withBody<Result>(_ read: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withBytes(bodyRange, read)
    }

    /// The topic's bytes, valid during the call.
    package func withTopic<Result>(_ read: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withBytes(topicRange, read)
    }

    /// The property string's bytes, valid during the call.
    package func withProperties<Result>(_ read: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withBytes(propertiesRange, read)
    }

    private func withBytes<Result>(
        _ range: Range<Int>, _ read: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try bytes.withUnsafeReadableBytes { try read(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    private func slice(_ range: Range<Int>) -> ByteBuffer {
        bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    private func host(_ range: Range<Int>) -> RecordHost {
        withBytes(range) { bytes in
            let port = bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: Int32.self)
            return RecordHost(address: Array(bytes.dropLast(4)), port: Int32(bigEndian: port))
        }
    }
}

/// Steps through a record or batch with every length checked. Positions count from the buffer's first readable byte.
struct RecordReader {
    private let bytes: ByteBuffer
    private(set) var position = 0

    init(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.readableBytes }

    mutating func take<Integer: FixedWidthInteger>(_: Integer.Type) throws(RemotingCodecError) -> Integer {
        guard let value = bytes.getInteger(at: bytes.readerIndex + position, as: Integer.self) else {
            throw RemotingCodecError(.malformedRecord, "a record ends early")
        }
        position += MemoryLayout<Integer>.size
        return value
    }

    mutating func skip(_ count: Int) throws(RemotingCodecError) -> Range<Int> {
        guard count >= 0, count <= bytes.readableBytes - position else {
            throw RemotingCodecError(.malformedRecord, "a part of a record claims \(count) bytes")
        }
        position += count
        return (position - count)..<position
    }
}
