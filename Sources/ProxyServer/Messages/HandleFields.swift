import MessageModel
import ProtoMessages

/// The fields of a receipt handle, read from its text without intermediate strings.
package struct HandleFields: Sendable, Hashable {
    /// Start offset of the batch.
    package let startOffset: Int64
    /// When it was popped.
    package let popMillis: Int64
    /// For how long.
    package let invisibleMillis: Int64
    /// The revive queue; 999 is an ordered pop.
    package let reviveQueueId: Int32
    /// Kind of the topic it is stored in.
    package let topicKind: PopTopicKind
    /// The broker's name.
    package let brokerName: String
    /// Queue it is in.
    package let queueId: Int32
    /// Offset there.
    package let queueOffset: Int64
    /// Offset in the commit log; -1 when the handle does not say.
    package let logOffset: Int64

    /// Reads a handle: 8 fields or 9, parted by single blanks. `nil` for anything else.
    package init?(_ text: ProtoText) {
        guard text.count <= ReceiptHandle.textBytesMax else { return nil }
        var reader = FieldReader(bytes: text.bytes)
        guard let startOffset = reader.number(), let popMillis = reader.number(), let invisible = reader.number(),
            invisible >= 0, let revive = reader.number(), let reviveQueueId = Int32(exactly: revive),
            let kind = reader.number(), let rawKind = Int32(exactly: kind),
            let topicKind = PopTopicKind(rawValue: rawKind), let name = reader.word(), let queue = reader.number(),
            let queueId = Int32(exactly: queue), queueId >= 0, let queueOffset = reader.number(), queueOffset >= 0
        else { return nil }
        self.startOffset = startOffset
        self.popMillis = popMillis
        self.invisibleMillis = invisible
        self.reviveQueueId = reviveQueueId
        self.topicKind = topicKind
        self.brokerName = name
        self.queueId = queueId
        self.queueOffset = queueOffset
        if reader.isAtEnd {
            logOffset = -1
        } else {
            guard let offset = reader.number() else { return nil }
            logOffset = offset
        }
    }

    /// Whether its time is over.
    package func isExpired(nowMillis: Int64) -> Bool {
        let (end, overflow) = popMillis.addingReportingOverflow(invisibleMillis)
        return !overflow && end <= nowMillis
    }
}

/// Reads blank-separated fields.
private struct FieldReader {
    let bytes: UnsafeRawBufferPointer
    var index = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { index >= bytes.count }

    private mutating func field() -> UnsafeRawBufferPointer {
        let start = index
        while index < bytes.count, bytes[index] != 0x20 { index += 1 }
        defer { index += 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
    }

    mutating func word() -> String? {
        let text = field()
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }

    mutating func number() -> Int64? {
        guard !isAtEnd else { return nil }
        let text = field()
        guard !text.isEmpty, text.count <= 20 else { return nil }
        let isNegative = text[0] == UInt8(ascii: "-")
        var value: Int64 = 0
        let digits = text[(isNegative ? 1 : 0)...]
        guard !digits.isEmpty else { return nil }
        for byte in digits {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowNext) = tens.subtractingReportingOverflow(Int64(byte - 0x30))
            guard !overflow, !overflowNext else { return nil }
            value = next
        }
        if isNegative { return value }
        guard value != Int64.min else { return nil }
        return -value
    }
}
