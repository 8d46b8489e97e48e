import MessageModel
import NIOCore

/// A message to append. Offsets, store time and body checksum are the store's to give.
package struct StoreMessage: Sendable {
    /// Topic name, at most 255 bytes.
    package var topic: String
    /// Queue of the topic.
    package var queueId: Int32
    /// The producer's flag, opaque to the store.
    package var flag: Int32
    /// System flags; the address bits are set by the store.
    package var sysFlag: MessageSysFlag
    /// When the producer made it, milliseconds since 1970.
    package var bornTimestampMillis: Int64
    /// Where the producer sits.
    package var bornHost: SocketHost
    /// Where this broker sits.
    package var storeHost: SocketHost
    /// How often it was consumed in vain.
    package var reconsumeTimes: Int32
    /// Log offset of the half message it ends; 0 for none.
    package var preparedTransactionOffset: Int64
    /// Property text as stored.
    package var properties: ByteBuffer
    /// The body as sent.
    package var body: ByteBuffer
    /// The name of a light queue that gets the message too; the property `INNER_MULTI_DISPATCH` names it already. The
    /// store adds `INNER_MULTI_QUEUE_OFFSET`. Not for messages of a batch.
    package var lightQueue: String?

    /// A message by its parts.
    package init(
        topic: String, queueId: Int32, flag: Int32 = 0, sysFlag: MessageSysFlag = [], bornTimestampMillis: Int64,
        bornHost: SocketHost, storeHost: SocketHost, reconsumeTimes: Int32 = 0, preparedTransactionOffset: Int64 = 0,
        properties: ByteBuffer, body: ByteBuffer, lightQueue: String? = nil
    ) {
        self.lightQueue = lightQueue
        self.topic = topic
        self.queueId = queueId
        self.flag = flag
        self.sysFlag = sysFlag
        self.bornTimestampMillis = bornTimestampMillis
        self.bornHost = bornHost
        self.storeHost = storeHost
        self.reconsumeTimes = reconsumeTimes
        self.preparedTransactionOffset = preparedTransactionOffset
        self.properties = properties
        self.body = body
    }
}

/// Where an appended message or batch lies.
package struct AppendReceipt: Hashable, Sendable {
    /// Log offset of the (first) record.
    package var logOffset: Int64
    /// Queue offset of the (first) message.
    package var queueOffset: Int64
    /// Bytes of all records.
    package var size: Int32
    /// Messages appended.
    package var count: Int32
    /// The store time of all of them, milliseconds since 1970.
    package var storeTimestampMillis: Int64
    /// Log offset of each message of a batch; empty for a single message.
    package var logOffsets: [Int64]
}

/// A message in the log.
package struct PlacedMessage: Sendable {
    /// Where it lies.
    package let receipt: AppendReceipt
    /// Whether it must be on the disk before it counts as stored, whatever the flush mode.
    let isDurable: Bool
    /// Whether it is at its durability point: it is stored, nothing more comes.
    package let isDone: Bool
}

/// The end of an append: at its durability point, or refused.
package enum AppendOutcome: Sendable {
    case stored(AppendReceipt)
    case failed(StoreError)
}

/// A message that consumers may now read.
package struct DispatchedMessage: Hashable, Sendable {
    /// Its topic.
    package var topic: String
    /// Its queue.
    package var queueId: Int32
    /// Its offset in the queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64
    /// Bytes of its record.
    package var size: Int32
    /// Hash of its tag, 0 for none.
    package var tagsCode: Int64
    /// When it was stored, milliseconds since 1970.
    package var storeTimestampMillis: Int64
}
