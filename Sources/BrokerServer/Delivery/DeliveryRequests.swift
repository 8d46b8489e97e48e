import DeliveryEngine
import MessageModel
import NIOCore

/// A consumer's request for messages, from the remoting port or from the proxy in this process.
package struct PopRequest: Sendable {
    /// All queues of the topic.
    package static let allQueues: Int32 = -1

    /// The consumer group.
    package var group: String
    /// The topic.
    package var topic: String
    /// One queue, or ``allQueues``.
    package var queueID: Int32 = Self.allQueues
    /// Most messages wanted, 1 to 32.
    package var maxCount: Int32 = 32
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64 = 60_000
    /// How long to wait for a message; 0 answers at once.
    package var pollMillis: Int64 = 0
    /// When the client sent the request; 0 when unknown.
    package var bornMillis: Int64 = 0
    /// Where a group without an offset begins.
    package var start = StartPosition.latest
    /// `TAG` or `SQL92`; nil is `TAG`.
    package var expressionType: String?
    /// The filter expression; nil or empty passes everything.
    package var expression: String?
    /// One batch of a queue at a time, in order.
    package var isOrdered = false
    /// The client's name for this attempt at an ordered pop.
    package var attemptID: String?
    /// The loop on which a parked request goes on when it is woken; nil is the thread that wakes it.
    package var eventLoop: (any EventLoop)?
    /// Asked on the loop before a woken request takes messages: whether its client is gone.
    package var isAbandoned: (@Sendable () -> Bool)?

    /// Where a group without an offset begins.
    package enum StartPosition: Int32, Sendable {
        /// With the oldest message.
        case earliest = 0
        /// With the newest message, unless the queue still has its first one.
        case latest = 1
    }

    /// A request with the usual values.
    package init(group: String, topic: String) {
        self.group = group
        self.topic = topic
    }
}

/// A message handed out by a pop.
package struct PoppedMessage: Sendable, Hashable {
    /// Its queue.
    package var queueID: Int32
    /// Its offset in the queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64
    /// Where its record lies in the body, from the body's first readable byte.
    package var range: Range<Int>
    /// The delivery attempt, from 1.
    package var attempt: Int32
}

extension PoppedMessage {
    /// A message whose record was read into `body`.
    init(_ record: RecordBatch.Record, queueID: Int32, attempt: Int32, in body: ByteBuffer) {
        let start = record.range.lowerBound - body.readerIndex
        self.init(
            queueID: queueID, queueOffset: record.queueOffset, logOffset: record.logOffset,
            range: start..<start + record.range.count, attempt: attempt)
    }
}

/// The messages of one pop. Those of one queue are in ascending order of offset, though not always together.
package struct PopBatch: Sendable {
    /// The records as stored, except that a repeated message has its reconsume count raised.
    package var body: ByteBuffer
    /// The messages in the order of the body.
    package var messages: [PoppedMessage]
    /// When they were handed out.
    package var popMillis: Int64
    /// How long they stay invisible.
    package var invisibleMillis: Int64
    /// Carried by the handles; 999 marks an ordered pop.
    package var reviveQueueID: Int32
    /// Messages left in the queues looked at.
    package var restCount: Int64
    /// The queues of the lite topics that the messages are of, each with its number of messages; empty when they are of
    /// the topic that was asked for.
    package var liteQueues: [(name: String, count: Int)] = []
}

/// The answer to a pop without messages: what a peer gets to see beside the code.
package struct EmptyPop: Sendable, Hashable {
    /// When the answer was made.
    package var popMillis: Int64
    /// As asked for.
    package var invisibleMillis: Int64
    /// 999 for an ordered pop.
    package var reviveQueueID: Int32
    /// Messages in the queues that could not be handed out now.
    package var restCount: Int64
}

/// The answer to a pop.
package enum PopOutcome: Sendable {
    /// At least one message.
    case found(PopBatch)
    /// None within the time.
    case timedOut(EmptyPop)
    /// Too many requests wait already.
    case pollingFull(EmptyPop)
    /// The request cannot be served.
    case failed(ServiceError)
}

/// An acknowledgement by receipt handle.
package struct AckRequest: Sendable {
    /// The consumer group.
    package var group: String
    /// The topic that the message is stored in.
    package var topic: String
    /// The message's queue.
    package var queueID: Int32
    /// The message's queue offset.
    package var offset: Int64
    /// The handle's pop time, which tells the delivery attempt.
    package var popMillis: Int64
    /// Whether the handle is of an ordered pop.
    package var isOrdered: Bool
    /// The topic that it is counted for; nil is `topic`. Lite topics are too many to be counted one by one.
    package var parentTopic: String?

    var countedTopic: String { parentTopic ?? topic }

    /// An acknowledgement by its parts.
    package init(group: String, topic: String, queueID: Int32, offset: Int64, popMillis: Int64, isOrdered: Bool) {
        self.group = group
        self.topic = topic
        self.queueID = queueID
        self.offset = offset
        self.popMillis = popMillis
        self.isOrdered = isOrdered
    }
}

/// New values for the handle of a message whose invisible time was changed.
package struct ChangedHandle: Sendable, Hashable {
    /// When the change was made, or the pop time as before for an ordered pop.
    package var popMillis: Int64
    /// From that time.
    package var invisibleMillis: Int64
    /// As before.
    package var reviveQueueID: Int32
}

/// The answer to "is there anything to pop".
package enum NotificationOutcome: Sendable {
    /// There is, or there is not within the time.
    case answered(hasMessage: Bool)
    /// Too many requests wait already.
    case pollingFull
    /// The request cannot be served.
    case failed(ServiceError)
}

/// Limits and intervals of the delivery service.
package struct DeliveryConfiguration: Sendable {
    /// Most parked requests over all groups and topics.
    package var waitersMax = 100_000
    /// Most parked requests of one group on one queue, or on all queues, of a topic.
    package var waitersPerKeyMax = 1_024
    /// Most messages of one pop.
    package var popCountMax: Int32 = 32
    /// Most bytes of one pop; a first message that is larger goes alone.
    package var popBytesMax = 4 << 20
    /// Longest wait of one pop.
    package var pollMillisMax: Int64 = 300_000
    /// Revive queues that handles may name; only peers that look for them care.
    package var reviveQueueCount: Int32 = 8
    /// Bounds of each ledger.
    package var ledger = AckLedger.Limits()
    /// Longest time a change of a ledger stays out of the log.
    package var journalFlushMillis: Int64 = 5
    /// Bytes of changes after which a snapshot is taken.
    package var snapshotBytesMax = 8 << 20
    /// Time after which a snapshot is taken when anything changed.
    package var snapshotIntervalMillis: Int64 = 60_000
    /// Changes kept for another try while the store refuses them.
    package var journalBacklogBytesMax = 16 << 20
    /// How often `consumerOffset.json` is written when anything changed.
    package var offsetSaveIntervalMillis: Int64 = 5_000

    /// The product's values.
    package init() {}
}
