import MessageModel
import NIOCore
import ProtoMessages

/// The calls of a backend for consumers that keep their own position. As with ``Backend``: one loop, and what a request
/// points to is valid during the call only.
package protocol OffsetBackend: AnyObject {
    /// Reads messages of a queue from an offset on, waiting for one if need be.
    func pull(_ request: PullRequest, completion: @escaping (Result<PullAnswer, ProxyError>) -> Void)

    /// Sets a group's position in a queue.
    func updateOffset(
        _ queue: QueueReference, group: String, offset: Int64, completion: @escaping (ProxyError?) -> Void)

    /// A group's position in a queue; nil when it has none.
    func committedOffset(
        _ queue: QueueReference, group: String, completion: @escaping (Result<Int64?, ProxyError>) -> Void)

    /// A place in a queue.
    func queueOffset(
        _ queue: QueueReference, at place: QueuePlace, completion: @escaping (Result<Int64, ProxyError>) -> Void)
}

/// One queue of a broker.
package struct QueueReference: Sendable {
    /// The topic.
    package let topic: String
    /// The broker.
    package let broker: BrokerTarget
    /// Its number there.
    package let queueId: Int32
}

/// Places in a queue that can be asked for.
package enum QueuePlace: Sendable, Hashable {
    /// The first message that is there.
    case beginning
    /// After the last message.
    case end
    /// The first message stored at that time, in milliseconds since 1970, or later.
    case atOrAfter(millis: Int64)
}

/// What a consumer with a position of its own wants; text is valid during the call only.
package struct PullRequest: Sendable {
    /// The group.
    package let group: String
    /// The queue.
    package let queue: QueueReference
    /// Where to read from.
    package let offset: Int64
    /// Messages at most.
    package let countMax: Int32
    /// How long to wait for the first one.
    package let pollMillis: Int64
    /// Whether `expression` is SQL, not a tag list.
    package let isSQL: Bool
    /// The filter; `*` for everything.
    package let expression: String
}

/// What a pull brought.
package struct PullAnswer: Sendable {
    /// The kinds of outcome.
    package enum Outcome: Sendable {
        case found
        /// Nothing came in time, or nothing passed the filter.
        case empty
        /// The queue does not reach to the offset, or not any more.
        case offsetOutOfRange
    }

    /// The kind of outcome.
    package var outcome: Outcome
    /// Memory of all messages.
    package var bytes = ByteBuffer()
    /// The messages.
    package var messages: [PoppedMessage] = []
    /// Where to go on.
    package var nextOffset: Int64

    /// An answer.
    package init(
        outcome: Outcome, bytes: ByteBuffer = ByteBuffer(), messages: [PoppedMessage] = [], nextOffset: Int64
    ) {
        self.outcome = outcome
        self.bytes = bytes
        self.messages = messages
        self.nextOffset = nextOffset
    }
}
