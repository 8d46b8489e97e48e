import MessageModel
import NIOCore

/// A consumer's request for the messages of one queue from an offset on, from the remoting port or from the proxy in
/// this process.
package struct PullRequest: Sendable {
    /// Where the filter comes from.
    package enum Subscription: Sendable {
        /// The request carries it; `type` is `TAG` or `SQL92`, nil is `TAG`.
        case inline(type: String?, expression: String?)
        /// The group's heartbeats told it; the client's version of it must not be newer than the broker's.
        case heartbeat(version: Int64)
    }

    /// The consumer group.
    package var group: String
    /// The topic.
    package var topic: String
    /// The queue.
    package var queueID: Int32
    /// The first offset wanted.
    package var offset: Int64
    /// Most messages wanted; the broker's own limit holds besides.
    package var maxCount: Int32 = 32
    /// Most bytes wanted; nil leaves it to the broker's limit.
    package var maxBytes: Int32?
    /// The group's progress in the queue, to be committed on the way.
    package var commitOffset: Int64?
    /// How long to wait for a message; 0 answers at once.
    package var suspendMillis: Int64 = 0
    /// What to hand out.
    package var subscription = Subscription.inline(type: nil, expression: nil)
    /// LITE_PULL_MESSAGE instead of PULL_MESSAGE.
    package var isLite = false
    /// The loop on which a parked request goes on when it is woken; nil is the thread that wakes it.
    package var eventLoop: (any EventLoop)?
    /// Asked before a woken request reads: whether its client is gone.
    package var isAbandoned: (@Sendable () -> Bool)?

    /// A request with the usual values.
    package init(group: String, topic: String, queueID: Int32, offset: Int64) {
        self.group = group
        self.topic = topic
        self.queueID = queueID
        self.offset = offset
    }
}

/// The answer to a pull: the code that the protocol has for it and what goes with it.
package struct PullAnswer: Sendable {
    /// Where the client stands in its queue.
    package struct Position: Sendable, Hashable {
        /// The offset to pull from next.
        package var nextOffset: Int64
        /// First offset of the queue.
        package var minOffset: Int64
        /// Offset after its last readable message.
        package var maxOffset: Int64
        /// The topic's unit flags.
        package var topicSysFlag: Int32
        /// The group's unit flags.
        package var groupSysFlag: Int32
    }

    /// Why reading is forbidden, with Apache's numbers (`consume.md` 1.3).
    package enum Forbidden: Int32, Sendable {
        case broker = 1
        case group = 2
        case topic = 3
        case broadcasting = 4
        case subscription = 5
    }

    /// 0, 19 (nothing new), 20 (pull again at once), 21 (go to another offset), or that of a refusal.
    package var code: ResponseCode
    /// The store's status in Apache's words, or the reason of a refusal.
    package var remark: String
    /// Where to go on; nil in a refusal.
    package var position: Position?
    /// Set when something forbids reading.
    package var forbidden: Forbidden?
    /// Records back to back.
    package var body: ByteBuffer?
    /// How many.
    package var messageCount = 0

    init(
        code: ResponseCode, remark: String, position: Position?, forbidden: Forbidden? = nil, body: ByteBuffer? = nil,
        messageCount: Int = 0
    ) {
        self.code = code
        self.remark = remark
        self.position = position
        self.forbidden = forbidden
        self.body = body
        self.messageCount = messageCount
    }

    /// A request that cannot be served.
    static func refused(_ code: ResponseCode, _ remark: String, _ forbidden: Forbidden? = nil) -> PullAnswer {
        PullAnswer(code: code, remark: remark, position: nil, forbidden: forbidden)
    }
}

/// Limits and switches of pulls.
package struct PullConfiguration: Sendable {
    /// Most messages in one answer.
    package var countMax: Int32 = 32
    /// Most bytes in one answer; a first message that is larger goes alone.
    package var bytesMax = 256 << 10
    /// Most parked pulls over all queues.
    package var waitersMax = 100_000
    /// Longest wait of one pull.
    package var suspendMillisMax: Int64 = 300_000
    /// The wait instead of the client's when long polls are switched off.
    package var shortPollMillis: Int64?
    /// Whether LITE_PULL_MESSAGE is served.
    package var isLitePullEnabled = true
    /// Whether SQL92 expressions are served.
    package var isPropertyFilterEnabled = true

    /// The product's values.
    package init() {}
}
