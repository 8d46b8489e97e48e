/// Which of the topics behind a subscription a popped message came from.
package enum PopTopicKind: Int32, Hashable, Sendable {
    case normal = 0
    /// `%RETRY%group_topic`
    case retryV1 = 1
    /// `%RETRY%group+topic`
    case retryV2 = 2

    /// The kind a topic name shows.
    package init(topic: String) {
        if !NameRules.isRetryTopic(topic) {
            self = .normal
        } else {
            self = topic.utf8.contains(UInt8(ascii: "+")) ? .retryV2 : .retryV1
        }
    }

    /// The name of the topic the message is stored in.
    package func storedTopic(topic: String, group: String) -> String {
        switch self {
        case .normal: topic
        case .retryV1: NameRules.popRetryTopicV1(topic: topic, group: group)
        case .retryV2: NameRules.popRetryTopicV2(topic: topic, group: group)
        }
    }
}

/// What a consumer hands back to ack a popped message: blank-separated fields in Apache's order.
package struct ReceiptHandle: Hashable, Sendable {
    /// The revive queue id that marks an ordered pop.
    package static let orderedReviveQueueId: Int32 = 999
    /// Longer text is not a handle.
    package static let textBytesMax = 1024

    package var startOffset: Int64
    package var popTimeMillis: Int64
    package var invisibleMillis: Int64
    package var reviveQueueId: Int32
    package var topicKind: PopTopicKind
    package var brokerName: String
    package var queueId: Int32
    package var queueOffset: Int64
    /// -1 when absent.
    package var commitLogOffset: Int64

    /// Makes a handle.
    package init(
        startOffset: Int64, popTimeMillis: Int64, invisibleMillis: Int64, reviveQueueId: Int32, topicKind: PopTopicKind,
        brokerName: String, queueId: Int32, queueOffset: Int64, commitLogOffset: Int64 = -1
    ) {
        self.startOffset = startOffset
        self.popTimeMillis = popTimeMillis
        self.invisibleMillis = invisibleMillis
        self.reviveQueueId = reviveQueueId
        self.topicKind = topicKind
        self.brokerName = brokerName
        self.queueId = queueId
        self.queueOffset = queueOffset
        self.commitLogOffset = commitLogOffset
    }

    /// Reads eight or nine fields; further ones are ignored, so that they can be added later.
    package init(parsing text: String) throws(ModelError) {
        guard text.utf8.count <= Self.textBytesMax else {
            throw ModelError(.invalidHandle, "receipt handle is longer than \(Self.textBytesMax) bytes")
        }
        var text = text
        guard let handle = text.withUTF8({ Self(UnsafeRawBufferPointer($0)) }) else {
            let count = text.utf8.count { $0 == 0x20 } + 1
            throw ModelError(
                .invalidHandle,
                count < 8 ? "receipt handle has \(count) fields, needs 8" : "receipt handle has a bad field")
        }
        self = handle
    }

    /// Reads the same from UTF-8 without intermediate strings; nil for what is no handle.
    package init?(_ text: UnsafeRawBufferPointer) {
        guard text.count <= Self.textBytesMax else { return nil }
        var reader = HandleFieldReader(text)
        guard let startOffset = reader.number(), let popTimeMillis = reader.number(),
            let invisibleMillis = reader.number(), invisibleMillis >= 0, let reviveQueueId = reader.smallNumber(),
            let kind = reader.smallNumber().flatMap(PopTopicKind.init(rawValue:)), let brokerName = reader.word(),
            let queueId = reader.smallNumber(), queueId >= 0, let queueOffset = reader.number(), queueOffset >= 0
        else { return nil }
        var commitLogOffset: Int64 = -1
        if !reader.isAtEnd {
            guard let offset = reader.number() else { return nil }
            commitLogOffset = offset
        }
        self.init(
            startOffset: startOffset, popTimeMillis: popTimeMillis, invisibleMillis: invisibleMillis,
            reviveQueueId: reviveQueueId, topicKind: kind, brokerName: brokerName, queueId: queueId,
            queueOffset: queueOffset, commitLogOffset: commitLogOffset)
    }

    /// All nine fields, as clients get it.
    package var text: String { "\(extraInfo) \(commitLogOffset)" }

    /// The first eight fields, as brokers write it (POP_CK).
    package var extraInfo: String {
        "\(startOffset) \(popTimeMillis) \(invisibleMillis) \(reviveQueueId) \(topicKind.rawValue) \(brokerName) "
            + "\(queueId) \(queueOffset)"
    }

    /// When the message becomes visible again.
    package var nextVisibleMillis: Int64 {
        let (sum, overflow) = popTimeMillis.addingReportingOverflow(invisibleMillis)
        return overflow ? Int64.max : sum
    }

    /// Whether the message was popped in order.
    package var isOrdered: Bool { reviveQueueId == Self.orderedReviveQueueId }

    /// Whether the message has become visible again.
    package func isExpired(nowMillis: Int64) -> Bool { nextVisibleMillis <= nowMillis }
}
