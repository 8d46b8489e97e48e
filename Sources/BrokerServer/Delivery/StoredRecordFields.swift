import MessageModel
import NIOCore
import RemotingCodec

/// Fields of stored records that are found without decoding the whole (`store.md` 3).
enum StoredRecordFields {
    private static let sysFlagIndex = 36
    private static let bornHostIndex = 48
    private static let storeTimeLength = 8
    private static let ipv4HostLength = 8
    private static let ipv6HostLength = 20

    private static let magicV1 = Int32(bitPattern: 0xDAA3_20A7)

    /// Where the property text of a record stands; nil when the record is damaged.
    static func properties(of record: UnsafeRawBufferPointer) -> Range<Int>? {
        guard record.count > bornHostIndex else { return nil }
        func integer<Value: FixedWidthInteger>(_ index: Int, _: Value.Type) -> Int? {
            guard index >= 0, index + MemoryLayout<Value>.size <= record.count else { return nil }
            return Int(Value(bigEndian: record.loadUnaligned(fromByteOffset: index, as: Value.self)))
        }
        let flags = MessageSysFlag(
            rawValue: Int32(bigEndian: record.loadUnaligned(fromByteOffset: sysFlagIndex, as: Int32.self)))
        let bornHost = flags.contains(.bornHostV6) ? ipv6HostLength : ipv4HostLength
        let storeHost = flags.contains(.storeHostV6) ? ipv6HostLength : ipv4HostLength
        // After the hosts: reconsume count and prepared offset.
        let bodyIndex = bornHostIndex + bornHost + storeTimeLength + storeHost + 12
        guard let bodyLength = integer(bodyIndex, Int32.self), bodyLength >= 0 else { return nil }
        let topicIndex = bodyIndex + 4 + bodyLength
        let isV1 = Int32(bigEndian: record.loadUnaligned(fromByteOffset: 4, as: Int32.self)) == magicV1
        guard let topicLength = isV1 ? integer(topicIndex, UInt8.self) : integer(topicIndex, UInt16.self) else {
            return nil
        }
        let lengthIndex = topicIndex + (isV1 ? 1 : 2) + topicLength
        guard let length = integer(lengthIndex, Int16.self), length >= 0, lengthIndex + 2 + length <= record.count
        else { return nil }
        return (lengthIndex + 2)..<(lengthIndex + 2 + length)
    }

    /// Adds deliveries to the reconsume count of a record in a buffer.
    ///
    /// The one field that delivery changes in the copy it hands out: no check sum covers it.
    static func addReconsumeTimes(_ count: Int32, to buffer: inout ByteBuffer, record: Range<Int>) {
        guard record.count > bornHostIndex,
            let sysFlag = buffer.getInteger(at: record.lowerBound + sysFlagIndex, as: Int32.self)
        else { return }
        let flags = MessageSysFlag(rawValue: sysFlag)
        let bornHost = flags.contains(.bornHostV6) ? ipv6HostLength : ipv4HostLength
        let storeHost = flags.contains(.storeHostV6) ? ipv6HostLength : ipv4HostLength
        let index = record.lowerBound + bornHostIndex + bornHost + storeTimeLength + storeHost
        guard index + 4 <= record.upperBound, let stored = buffer.getInteger(at: index, as: Int32.self) else { return }
        buffer.setInteger(stored &+ count, at: index)
    }
}

extension MessageRecord {
    /// Reads the record that lies in a range of a buffer; nil when it is damaged.
    init?(_ buffer: ByteBuffer, range: Range<Int>) {
        guard let bytes = buffer.getSlice(at: range.lowerBound, length: range.count),
            let record = try? MessageRecord(bytes)
        else { return nil }
        self = record
    }
}
