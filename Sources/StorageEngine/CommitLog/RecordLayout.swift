import CStorageSupport
import MessageModel
import NIOCore

/// The bytes of one message in the commit log (`store.md` §3; the layout is Apache's MessageExtEncoder):
/// total size 4, magic 4, body CRC 4, queue 4, flag 4, queue offset 8, log offset 8, system flag 4, born time 8, born
/// host 8|20, store time 8, store host 8|20, reconsume times 4, prepared offset 8, body 4+n, topic 1|2+n, properties 2+n.
enum RecordLayout {
    /// Topic length in one byte.
    static let magicV1 = Int32(bitPattern: 0xDAA3_20A7)
    /// Topic length in two bytes.
    static let magicV2 = Int32(bitPattern: 0xDAA3_20AB)
    /// Fills the rest of a file.
    static let magicBlank = Int32(bitPattern: 0xCBD4_3194)
    /// Bytes kept free at the end of each file for the blank's size and magic.
    static let blankBytes = 8
    /// Longest topic of a version 1 record.
    static let topicV1Max = 127
    static let topicMax = 255
    static let propertiesMax = Int(Int16.max)

    static let queueOffsetAt = 20
    static let logOffsetAt = 28
    static let bornHostAt = 48

    /// Whether a part of a record that no checksum covers, to the record's end, looks as if a loss of power had taken
    /// sectors of 512 bytes: zeros at the end, or as many zeros in a row. No record like that is written.
    static func looksTorn(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let last = bytes.last, last != 0 else { return !bytes.isEmpty }
        guard bytes.count >= 512 else { return false }
        var run = 0
        for byte in bytes {
            run = byte == 0 ? run + 1 : 0
            if run >= 512 { return true }
        }
        return false
    }

    /// Bytes before the first host, both hosts and the lengths included, without body, topic and properties.
    static func fixedBytes(bornBytes: Int, storeBytes: Int, isV2: Bool) -> Int {
        48 + bornBytes + 8 + storeBytes + 4 + 8 + 4 + (isV2 ? 2 : 1) + 2
    }
}

/// A record encoded apart from what is only known when it is appended.
struct EncodedRecord {
    var bytes: ByteBuffer
    /// Where the store time goes.
    let storeTimestampAt: Int
    /// The hash consumers filter by; of a message that waits in the schedule topic, the time when it is due.
    private(set) var tagsCode: Int64
    /// How long the message waits in the schedule topic; nil in any other.
    private let delayMillis: Int64?
    /// Transaction records that are not committed take no place in their queue.
    let takesQueueOffset: Bool
    /// Where the length of the properties stands, for a record of a light queue; nil for others.
    private let lightLengthAt: Int?

    var size: Int { bytes.readableBytes }
    /// The size once the offset in a light queue is added.
    var sizeMax: Int { lightLengthAt == nil ? size : size + LightQueueProperties.offsetBytesMax }

    /// Encodes after checking the limits of the format and of the configuration.
    init(
        _ message: borrowing StoreMessage, messageBytesMax: Int, delayLevels: DelayLevels = .apache
    ) throws(StoreError) {
        let topicBytes = message.topic.utf8.count
        let bodyBytes = message.body.readableBytes
        let propertyBytes = message.properties.readableBytes
        guard topicBytes > 0, topicBytes <= RecordLayout.topicMax else {
            throw StoreError(.illegalMessage, "a topic of \(topicBytes) bytes cannot be stored")
        }
        guard bodyBytes <= messageBytesMax else {
            throw StoreError(.messageTooLarge, "the body has \(bodyBytes) bytes, over the limit of \(messageBytesMax)")
        }
        let lightBytes = message.lightQueue == nil ? 0 : LightQueueProperties.offsetBytesMax
        guard propertyBytes + lightBytes <= RecordLayout.propertiesMax else {
            throw StoreError(
                .propertiesTooLarge,
                "the properties have \(propertyBytes) bytes, over the limit of \(RecordLayout.propertiesMax)")
        }
        guard !message.properties.withUnsafeReadableBytes({ RecordLayout.looksTorn($0) }) else {
            throw StoreError(.illegalMessage, "properties that end with a zero byte cannot be stored")
        }
        let isV2 = topicBytes > RecordLayout.topicV1Max
        let born = message.bornHost.recordBytes
        let store = message.storeHost.recordBytes
        let size =
            RecordLayout.fixedBytes(bornBytes: born, storeBytes: store, isV2: isV2) + bodyBytes + topicBytes
            + propertyBytes
        var flags = message.sysFlag
        if message.bornHost.isIPv6 { flags.insert(.bornHostV6) } else { flags.remove(.bornHostV6) }
        if message.storeHost.isIPv6 { flags.insert(.storeHostV6) } else { flags.remove(.storeHostV6) }
        // Written through a pointer: checks of room for each field would take longer than the copies.
        var bytes = ByteBufferAllocator().buffer(capacity: size)
        storeTimestampAt = RecordLayout.bornHostAt + born
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            var cursor = RecordCursor(space)
            cursor.put(Int32(size))
            cursor.put(isV2 ? RecordLayout.magicV2 : RecordLayout.magicV1)
            cursor.put(Self.checksum(message.body))
            cursor.put(message.queueId)
            cursor.put(message.flag)
            cursor.put(Int64(0))
            cursor.put(Int64(0))
            cursor.put(flags.rawValue)
            cursor.put(message.bornTimestampMillis)
            cursor.put(message.bornHost)
            cursor.put(Int64(0))
            cursor.put(message.storeHost)
            cursor.put(message.reconsumeTimes)
            cursor.put(message.preparedTransactionOffset)
            cursor.put(Int32(bodyBytes))
            cursor.put(message.body)
            if isV2 { cursor.put(UInt16(topicBytes)) } else { cursor.put(UInt8(topicBytes)) }
            cursor.put(message.topic)
            cursor.put(UInt16(propertyBytes))
            cursor.put(message.properties)
            return cursor.written
        }
        lightLengthAt = message.lightQueue == nil ? nil : size - propertyBytes - 2
        self.bytes = bytes
        tagsCode = message.properties.withUnsafeReadableBytes { TagsCode.of(properties: $0) }
        delayMillis =
            message.topic == NameRules.scheduleTopic
            ? message.properties.withUnsafeReadableBytes { TagsCode.delayMillis(properties: $0, levels: delayLevels) }
            : nil
        switch message.sysFlag.transactionKind {
        case .none, .commit: takesQueueOffset = true
        case .prepared, .rollback: takesQueueOffset = false
        }
    }

    private static func checksum(_ body: ByteBuffer) -> Int32 {
        let checksum = body.withUnsafeReadableBytes { storage_crc32(0, $0.baseAddress, $0.count) }
        return Int32(bitPattern: checksum & 0x7FFF_FFFF)
    }

    /// Fills in what the append decided.
    mutating func place(queueOffset: Int64, logOffset: Int64, storeTimestampMillis: Int64) {
        bytes.setInteger(queueOffset, at: RecordLayout.queueOffsetAt)
        bytes.setInteger(logOffset, at: RecordLayout.logOffsetAt)
        bytes.setInteger(storeTimestampMillis, at: storeTimestampAt)
        if let delayMillis { tagsCode = storeTimestampMillis + delayMillis }
    }

    /// Adds the offset in the light queue to the properties, which end the record.
    mutating func placeInLightQueue(at offset: Int64) {
        guard let lightLengthAt, let length: UInt16 = bytes.getInteger(at: lightLengthAt) else { return }
        let added = LightQueueProperties.writeOffset(offset, after: length > 0, to: &bytes)
        bytes.setInteger(length + UInt16(added), at: lightLengthAt)
        bytes.setInteger(Int32(bytes.readableBytes), at: bytes.readerIndex)
    }
}

/// The number that consume queues keep for a tag.
enum TagsCode {
    /// Java's hash of the TAGS property, sign-extended; 0 without tag.
    static func of(properties: UnsafeRawBufferPointer) -> Int64 {
        guard let range = PropertyText.find("TAGS", in: properties), !range.isEmpty else { return 0 }
        return Int64(JavaHash.hashCode(utf8: UnsafeRawBufferPointer(rebasing: properties[range])))
    }

    /// How long a message of the schedule topic waits: Apache's consume queues hold the time when it is due in the place
    /// of a hash (store.md 11). Nil when it bears no level.
    static func delayMillis(properties: UnsafeRawBufferPointer, levels: DelayLevels) -> Int64? {
        guard case .value(let level)? = PropertyText.integer("DELAY", in: properties), level > 0 else { return nil }
        return levels.delayMillis(levels.clamped(level))
    }
}

/// Writes big-endian fields one behind the other. Whoever makes one has counted the bytes before.
private struct RecordCursor {
    private let space: UnsafeMutableRawBufferPointer
    private(set) var written = 0

    init(_ space: UnsafeMutableRawBufferPointer) {
        self.space = space
    }

    mutating func put(_ value: some FixedWidthInteger) {
        let count = MemoryLayout.size(ofValue: value)
        precondition(written + count <= space.count, "a record is larger than was counted")
        space.storeBytes(of: value.bigEndian, toByteOffset: written, as: type(of: value))
        written &+= count
    }

    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        precondition(written + bytes.count <= space.count, "a record is larger than was counted")
        UnsafeMutableRawBufferPointer(rebasing: space[written...]).copyMemory(from: bytes)
        written &+= bytes.count
    }

    mutating func put(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { put($0) }
    }

    mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    mutating func put(_ host: SocketHost) {
        host.withBytes { put($0) }
        put(host.port)
    }
}

extension SocketHost {
    /// Bytes in a record, port included.
    fileprivate var recordBytes: Int { byteCount + 4 }
}
