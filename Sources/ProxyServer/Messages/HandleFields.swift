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
        var reader = HandleFieldReader(text.bytes)
        guard let startOffset = reader.number(), let popMillis = reader.number(), let invisible = reader.number(),
            invisible >= 0, let reviveQueueId = reader.smallNumber(),
            let topicKind = reader.smallNumber().flatMap(PopTopicKind.init(rawValue:)), let name = reader.word(),
            let queueId = reader.smallNumber(), queueId >= 0, let queueOffset = reader.number(), queueOffset >= 0
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
