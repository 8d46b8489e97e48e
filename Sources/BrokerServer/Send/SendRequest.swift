import MessageModel
import NIOCore
import StorageEngine

/// A message to store, from a remoting request or from the proxy in this process.
package struct SendRequest: Sendable {
    /// The topic.
    package var topic: String
    /// The queue; negative for any.
    package var queueID: Int32 = -1
    /// The topic that is copied when `topic` is unknown.
    package var defaultTopic: String = NameRules.autoCreateTopic
    /// Queues of a topic that is created on the way.
    package var defaultTopicQueueCount: Int32 = 4
    /// Compression and other bits of the body.
    package var sysFlag = MessageSysFlag()
    /// When the producer made the message.
    package var bornTimestampMillis: Int64
    /// Where the producer is.
    package var bornHost: SocketHost
    /// The user's flag.
    package var flag: Int32 = 0
    /// The property text.
    package var properties: ByteBuffer?
    /// The body, or the batch of messages.
    package var body: ByteBuffer
    /// Earlier delivery attempts.
    package var reconsumeTimes: Int32 = 0
    /// The most attempts after the first, for a message to a retry topic.
    package var maxReconsumeTimes: Int32?
    /// Whether the producer works in units.
    package var isUnitMode = false
    /// Whether the body is a batch.
    package var isBatch = false
    /// Whether the broker itself sends it, as the copy of a message that a consumer sent back and will count as done. That
    /// one may be on the disk for long, so its copy must be there too before anybody is told, whatever the flush mode.
    package var isCopy = false

    /// A message with the usual values.
    package init(topic: String, bornTimestampMillis: Int64, bornHost: SocketHost, body: ByteBuffer) {
        self.topic = topic
        self.bornTimestampMillis = bornTimestampMillis
        self.bornHost = bornHost
        self.body = body
    }
}

/// Where a message is, or the messages of a batch are.
package struct SendReceipt: Sendable {
    /// The queue.
    package var queueID: Int32
    /// The position in the queue, of the first message of a batch.
    package var queueOffset: Int64
    /// The positions in the commit log, one per message.
    package var logOffsets: LogOffsets
    /// The message's UNIQ_KEY, as text; nil for a batch that came without.
    package var uniqueKey: ByteBuffer?
    /// The address in message ids.
    package var storeHost: SocketHost
    /// When it was stored.
    package var storeTimestampMillis: Int64
    /// By which the message can be taken back while it waits; nil when it does not wait for a time.
    package var recallHandle: String?

    /// One position, or those of a batch.
    package enum LogOffsets: Sendable {
        case one(Int64)
        case many([Int64])
    }

    /// Offset message ids, joined by commas.
    package var messageIDs: String {
        func text(_ offset: Int64) -> String {
            OffsetMessageId(host: storeHost.bytes, port: storeHost.port, logOffset: offset).text
        }
        return switch logOffsets {
        case .one(let offset): text(offset)
        case .many(let offsets): offsets.map(text).joined(separator: ",")
        }
    }
}

/// The answer to a send.
package enum SendOutcome: Sendable {
    /// Stored, and past the durability point that the configuration asks for.
    case stored(SendReceipt)
    /// Stored, but not on as many replicas as the configuration asks for.
    case unconfirmed(SendReceipt, ServiceError)
    /// Not stored.
    case refused(ServiceError)
}
