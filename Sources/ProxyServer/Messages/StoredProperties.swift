import MessageModel
import ProtoMessages

/// The properties of a stored message, found in their text form in one pass, without strings.
///
/// Names that mean something to the system go to their own field of the answer, or nowhere; the others are the user's.
struct StoredProperties {
    private let text: UnsafeRawBufferPointer
    private var userPairs: [(name: Range<Int>, value: Range<Int>)] = []

    private(set) var tag: Range<Int>?
    private(set) var keys: Range<Int>?
    private(set) var messageID: Range<Int>?
    private(set) var messageGroup: Range<Int>?
    private(set) var traceContext: Range<Int>?
    private(set) var bornHost: Range<Int>?
    private(set) var bornMillis: Range<Int>?
    private(set) var checkpoint: Range<Int>?
    private(set) var deliverMillis: Range<Int>?
    private(set) var deadLetterTopic: Range<Int>?
    private(set) var deadLetterMessageID: Range<Int>?
    private(set) var liteTopic: Range<Int>?
    private(set) var priority: Range<Int>?
    private(set) var isTransaction = false
    private(set) var isDelayed = false

    init(_ text: UnsafeRawBufferPointer, names: StoredPropertyNames) {
        self.text = text
        var start = 0
        while start < text.count {
            var separator = -1
            var end = start
            while end < text.count, text[end] != PropertyText.valueEnd {
                if separator < 0, text[end] == PropertyText.nameEnd { separator = end }
                end += 1
            }
            if separator > start, separator + 1 < end {
                take(start..<separator, (separator + 1)..<end, names)
            }
            start = end + 1
        }
    }

    private mutating func take(_ name: Range<Int>, _ value: Range<Int>, _ names: StoredPropertyNames) {
        switch names.meaning(of: bytes(name)) {
        case .user: userPairs.append((name, value))
        case .hidden: break
        case .tag: tag = value
        case .keys: keys = value
        case .messageID: messageID = value
        case .messageGroup: messageGroup = value
        case .traceContext: traceContext = value
        case .bornHost: bornHost = value
        case .bornMillis: bornMillis = value
        case .checkpoint: checkpoint = value
        case .delay: isDelayed = true
        case .deliverMillis:
            isDelayed = true
            deliverMillis = value
        case .transaction: isTransaction = bytes(value).elementsEqual("true".utf8)
        case .deadLetterTopic: deadLetterTopic = value
        case .deadLetterMessageID: deadLetterMessageID = value
        case .liteTopic: liteTopic = value
        case .priority: priority = value
        }
    }

    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: text[range]) }

    func number(_ range: Range<Int>?) -> Int64? {
        range.flatMap { Int64(String(decoding: bytes($0), as: UTF8.self)) }
    }

    /// Kind of the message.
    var messageType: ProtoMessageType {
        if isTransaction { return .transaction }
        if isDelayed { return .delay }
        if messageGroup != nil { return .fifo }
        if priority != nil { return .priority }
        if liteTopic != nil { return .lite }
        return .normal
    }
}

extension StoredProperties: OutgoingProperties {
    var encodedBytes: Int { text.count }

    /// Every key of a key list may become a field of its own.
    var entryCount: Int { userPairs.count * 3 + (keys?.count ?? 0) + 8 }

    func writeUserProperties(_ writer: inout ProtoWriter) {
        for pair in userPairs {
            writer.message(2, sizeHint: pair.name.count + pair.value.count + 4) { entry in
                entry.explicitBytes(1, bytes(pair.name))
                entry.explicitBytes(2, bytes(pair.value))
            }
        }
    }

    func writeTagAndKeys(_ writer: inout ProtoWriter) {
        if let tag { writer.explicitBytes(1, bytes(tag)) }
        guard let keys else { return }
        var start = keys.lowerBound
        for index in keys.lowerBound...keys.upperBound
        where index == keys.upperBound || text[index] == UInt8(ascii: " ") {
            if index > start { writer.explicitBytes(2, bytes(start..<index)) }
            start = index + 1
        }
    }

    func writeTrailing(_ writer: inout ProtoWriter) {
        if let messageGroup { writer.explicitBytes(17, bytes(messageGroup)) }
        if let traceContext { writer.explicitBytes(18, bytes(traceContext)) }
        if let deadLetterTopic, let deadLetterMessageID {
            writer.message(20, sizeHint: deadLetterTopic.count + deadLetterMessageID.count + 4) { inner in
                inner.bytes(1, bytes(deadLetterTopic))
                inner.bytes(2, bytes(deadLetterMessageID))
            }
        }
        if let liteTopic { writer.explicitBytes(21, bytes(liteTopic)) }
        if let value = number(priority) { writer.explicitInteger(22, value) }
    }
}

/// What property names mean; made once per loop.
final class StoredPropertyNames {
    enum Meaning {
        case user, hidden, tag, keys, messageID, messageGroup, traceContext, bornHost, bornMillis, checkpoint
        case delay, deliverMillis, transaction, deadLetterTopic, deadLetterMessageID, liteTopic, priority
    }

    private var table = ByteKeyTable<Meaning>()

    init() {
        for name in PropertyName.reserved.union(InternalProperties.names) { table.insert(name, .hidden) }
        let known: [(String, Meaning)] = [
            (PropertyName.tags, .tag), (PropertyName.keys, .keys), (PropertyName.uniqueKey, .messageID),
            (PropertyName.shardingKey, .messageGroup), (PropertyName.traceContext, .traceContext),
            (PropertyName.bornHost, .bornHost), (PropertyName.bornTimestamp, .bornMillis),
            (PropertyName.popCheckpoint, .checkpoint), (PropertyName.delayLevel, .delay),
            (PropertyName.timerDelaySeconds, .delay), (PropertyName.timerDelayMillis, .delay),
            (PropertyName.timerDeliverMillis, .deliverMillis), (PropertyName.transactionPrepared, .transaction),
            (PropertyName.dlqOriginTopic, .deadLetterTopic),
            (PropertyName.dlqOriginMessageId, .deadLetterMessageID), (PropertyName.liteTopic, .liteTopic),
            (PropertyName.priority, .priority),
        ]
        for (name, meaning) in known { table.insert(name, meaning) }
    }

    func meaning(of name: UnsafeRawBufferPointer) -> Meaning {
        if let meaning = table.find(ProtoText(name)) { return meaning }
        return name.starts(with: PropertyName.transientPrefix.utf8) ? .hidden : .user
    }
}
