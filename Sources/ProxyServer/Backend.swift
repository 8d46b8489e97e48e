import MessageModel
import NIOCore
import ProtoMessages

/// Where a proxy's calls go: brokers elsewhere (`ClusterBackend`) or one in the same process (`LocalBackend`).
///
/// One instance serves one event loop; it is called there and completes there. What a request points to is valid
/// during the call only: a backend encodes or copies it before it returns.
package protocol Backend: OffsetBackend, LiteBackend {
    /// Stores one message, or several as one unit.
    func send(_ request: SendRequest, completion: @escaping (Result<SendReceipt, ProxyError>) -> Void)

    /// Takes messages of a topic for a group, waiting for them if need be.
    func pop(_ request: PopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void)

    /// Marks one delivery as done.
    func acknowledge(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void)

    /// Marks several deliveries of one broker as done by one request; there is one answer for all of them.
    func acknowledgeAll(_ requests: [ReceiptRequest], completion: @escaping (ProxyError?) -> Void)

    /// Sets when an unfinished delivery becomes visible again; answers the new handle.
    func changeInvisible(
        _ request: ReceiptRequest, invisibleMillis: Int64,
        completion: @escaping (Result<String, ProxyError>) -> Void)

    /// Takes a delayed message back; answers its id.
    func recall(_ request: RecallRequest, completion: @escaping (Result<String, ProxyError>) -> Void)

    /// Commits a transaction or rolls it back.
    func endTransaction(_ request: EndTransactionRequest, completion: @escaping (ProxyError?) -> Void)

    /// Moves a delivery to the group's dead-letter topic and ends it.
    func deadLetter(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void)
}

/// Where routes and configurations come from. Any thread; may suspend.
package protocol MetadataSource: AnyObject, Sendable {
    /// The topic's route and kind; `nil` when there is no such topic.
    func fetchTopic(_ name: String) async throws(ProxyError) -> TopicSnapshot?
    /// The group's configuration; `nil` when there is no such group.
    func fetchGroup(_ name: String) async throws(ProxyError) -> SubscriptionGroupConfig?
    /// Asks a name server and a broker whether they are there; an error says what does not answer.
    func probe() async throws(ProxyError)
}

extension MetadataSource {
    /// What is in the same process is there.
    package func probe() async throws(ProxyError) {}
}

/// A broker as a topic's route knows it.
package final class BrokerTarget: Sendable {
    /// Its name.
    package let name: String
    /// Address for writes and receipts; `nil` while there is no master.
    package let masterAddress: HostPort?
    /// Address for reads: the master's, else any.
    package let readAddress: HostPort?

    /// A broker.
    package init(name: String, masterAddress: HostPort?, readAddress: HostPort?) {
        self.name = name
        self.masterAddress = masterAddress
        self.readAddress = readAddress
    }
}

/// A queue that messages can be sent to.
package struct SendQueue: Sendable {
    /// The broker that holds it.
    package let broker: BrokerTarget
    /// Its number there.
    package let queueId: Int32
}

/// What is to be stored; regions are valid during the call only.
package struct SendRequest {
    /// The topic.
    package let topic: TopicSnapshot
    /// The queue chosen for it.
    package let queue: SendQueue
    /// Flags of the message.
    package let sysFlag: MessageSysFlag
    /// When the producer made it.
    package let bornMillis: Int64
    /// Properties in their text form.
    package let properties: UnsafeRawBufferPointer
    /// The body; for a batch the encoded messages one after the other.
    package let body: UnsafeRawBufferPointer
    /// Whether `body` holds several messages.
    package let isBatch: Bool
}

/// How a send went; failures that still stored the message are answers too.
package struct SendReceipt: Sendable {
    /// OK, or one of the codes for "stored, but not everywhere yet".
    package let status: ProtoStatus
    /// Offset in the queue; of the first message for a batch.
    package let queueOffset: Int64
    /// What RecallMessage has to bring; empty when the message cannot be recalled.
    package let recallHandle: String
    /// What ends the transaction of a half message; nil for other messages.
    package let transactionID: TransactionID?

    /// A receipt.
    package init(
        status: ProtoStatus, queueOffset: Int64, recallHandle: String = "", transactionID: TransactionID? = nil
    ) {
        self.status = status
        self.queueOffset = queueOffset
        self.transactionID = transactionID
        self.recallHandle = recallHandle
    }
}

/// What a consumer wants; text is valid during the call only.
package struct PopRequest {
    /// The group.
    package let group: String
    /// The topic.
    package let topic: TopicSnapshot
    /// The broker to ask.
    package var broker: BrokerTarget
    /// Messages at most.
    package let countMax: Int32
    /// How long they stay invisible.
    package let invisibleMillis: Int64
    /// How long to wait for the first one.
    package let pollMillis: Int64
    /// Whether `expression` is SQL, not a tag list.
    package let isSQL: Bool
    /// The filter; `*` for everything.
    package let expression: String
    /// Whether the group works in order.
    package let isOrdered: Bool
    /// Same text on a repeated attempt.
    package let attemptID: String?
    /// Whether the client is gone, asked on the loop: then nothing should be taken for it any more.
    package let isAbandoned: () -> Bool
}

/// What a pop brought.
package struct PopAnswer: Sendable {
    /// The kinds of outcome.
    package enum Outcome: Sendable {
        case found
        /// Nothing came in time.
        case empty
        /// Too many wait already.
        case pollingFull
    }

    /// The kind of outcome.
    package var outcome: Outcome
    /// Memory of all messages.
    package var bytes: ByteBuffer
    /// The messages.
    package var messages: [PoppedMessage]
    /// The broker they came from.
    package var brokerName: String
    /// How long they stay invisible, as the broker says.
    package var invisibleMillis: Int64

    /// An answer.
    package init(
        outcome: Outcome, bytes: ByteBuffer = ByteBuffer(), messages: [PoppedMessage] = [], brokerName: String = "",
        invisibleMillis: Int64 = 0
    ) {
        self.outcome = outcome
        self.bytes = bytes
        self.messages = messages
        self.brokerName = brokerName
        self.invisibleMillis = invisibleMillis
    }
}

/// Address and port as the store keeps them: 4 or 16 bytes and a port.
package struct StoredHost: Sendable, Hashable {
    /// The address in network order; the first 4 bytes of `high` for IPv4.
    package var high: UInt64
    /// The other half of an IPv6 address.
    package var low: UInt64
    /// Whether it is IPv6.
    package var isIPv6: Bool
    /// The port.
    package var port: Int32

    /// A host.
    package init(high: UInt64, low: UInt64 = 0, isIPv6: Bool = false, port: Int32) {
        self.high = high
        self.low = low
        self.isIPv6 = isIPv6
        self.port = port
    }
}

/// One message a pop brought; ranges are indices into the readable bytes of the answer.
package struct PoppedMessage: Sendable {
    /// Its body.
    package var body: Range<Int>
    /// Its properties in text form.
    package var properties: Range<Int>
    /// Flags.
    package var sysFlag: MessageSysFlag
    /// Queue it is in.
    package var queueId: Int32
    /// Offset there.
    package var queueOffset: Int64
    /// Offset in the commit log.
    package var logOffset: Int64
    /// When the producer made it.
    package var bornMillis: Int64
    /// When the broker stored it.
    package var storeMillis: Int64
    /// Where the producer was.
    package var bornHost: StoredHost
    /// Where the broker was.
    package var storeHost: StoredHost
    /// How often it was delivered before.
    package var reconsumeTimes: Int32
    /// What acks this delivery; used when the message has no `POP_CK` property of its own.
    package var checkpoint: Checkpoint?

    /// The fields of a handle that the broker's answer gives.
    package struct Checkpoint: Sendable, Hashable {
        /// Start offset of the batch.
        package var startOffset: Int64
        /// When it was popped.
        package var popMillis: Int64
        /// For how long.
        package var invisibleMillis: Int64
        /// The revive queue.
        package var reviveQueueId: Int32
        /// Kind of the topic it is stored in.
        package var topicKind: PopTopicKind
        /// The offset that the handle names.
        package var queueOffset: Int64

        /// A check-point.
        package init(
            startOffset: Int64, popMillis: Int64, invisibleMillis: Int64, reviveQueueId: Int32, topicKind: PopTopicKind,
            queueOffset: Int64
        ) {
            self.startOffset = startOffset
            self.popMillis = popMillis
            self.invisibleMillis = invisibleMillis
            self.reviveQueueId = reviveQueueId
            self.topicKind = topicKind
            self.queueOffset = queueOffset
        }
    }

    /// A message.
    package init(
        body: Range<Int>, properties: Range<Int>, sysFlag: MessageSysFlag, queueId: Int32, queueOffset: Int64,
        logOffset: Int64, bornMillis: Int64, storeMillis: Int64, bornHost: StoredHost, storeHost: StoredHost,
        reconsumeTimes: Int32, checkpoint: Checkpoint?
    ) {
        self.body = body
        self.properties = properties
        self.sysFlag = sysFlag
        self.queueId = queueId
        self.queueOffset = queueOffset
        self.logOffset = logOffset
        self.bornMillis = bornMillis
        self.storeMillis = storeMillis
        self.bornHost = bornHost
        self.storeHost = storeHost
        self.reconsumeTimes = reconsumeTimes
        self.checkpoint = checkpoint
    }
}

/// One delivery, named by its handle.
package struct ReceiptRequest: Sendable {
    /// The group.
    package let group: String
    /// The topic as the client names it.
    package let topic: String
    /// The handle.
    package let handle: ReceiptHandle
    /// The broker that made it.
    package let broker: BrokerTarget
    /// The handle's text.
    package let handleText: String
    /// Id of the message, where the client gives one.
    package let messageID: String
    /// The lite topic that the message is of; empty for a message of none.
    package var liteTopic = ""
    /// Whether a change of the invisible time is not to count as an attempt; for lite topics only.
    package var isSuspended = false

    /// Name of the topic the message is stored in.
    package var storedTopic: String { handle.topicKind.storedTopic(topic: topic, group: group) }
}

/// A delayed message to take back.
package struct RecallRequest: Sendable {
    /// The topic that it is for.
    package let topic: String
    /// The broker that holds it.
    package let broker: BrokerTarget
    /// The handle that its send was answered with.
    package let handleText: String
}
