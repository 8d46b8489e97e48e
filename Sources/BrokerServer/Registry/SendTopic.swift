import MessageModel

/// What a send has to know of its topic, worked out when the topic changes. Numbers only: event loops that look it up for
/// each message need count no references, which would cost more than the look itself as all of them share the counts.
struct SendTopic: Sendable {
    /// The queue ids in use.
    let queueCount: Int32
    /// Queues that take messages.
    let writeQueueCount: Int32
    /// Whether its messages keep an order over all its queues.
    let isOrdered: Bool
    /// Whether its messages go to lite topics besides.
    let isLite: Bool
    /// Whether it holds what the members of a group sent back.
    let isRetry: Bool
    /// Whether nobody may send to it.
    let isClosed: Bool

    init(_ topic: TopicConfig) {
        queueCount = topic.queueCount
        writeQueueCount = topic.writeQueueCount
        isOrdered = topic.isOrdered
        isLite = topic.messageType == .lite
        isRetry = NameRules.isRetryTopic(topic.name)
        isClosed = Self.isClosed(topic.name)
    }

    /// Whether nobody may send to a topic of that name.
    static func isClosed(_ name: String) -> Bool { NameRules.isClosedToSend(name) || name == LedgerJournal.topic }
}
