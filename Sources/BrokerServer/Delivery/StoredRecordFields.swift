import MessageModel
import NIOCore
import RemotingCodec

/// The one field of a stored record that delivery changes in the copy it hands out. No check sum covers it.
enum StoredRecordFields {
    private static let sysFlagIndex = 36
    private static let bornHostIndex = 48
    private static let storeTimeLength = 8
    private static let ipv4HostLength = 8
    private static let ipv6HostLength = 20

    /// Adds deliveries to the reconsume count of a record in a buffer.
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
