import MessageModel
import ProtoMessages

/// The rules a message has to keep before it is sent, in the order clients see them.
struct MessageValidation {
    let limits: MessageLimits

    /// Property names a user may not set: the ones Apache refuses, and those that would not come back from a receive.
    private let reserved: ByteKeyTable<Bool>

    init(limits: MessageLimits) {
        self.limits = limits
        var table = ByteKeyTable<Bool>()
        for name in PropertyName.reserved.union(InternalProperties.names) { table.insert(name, true) }
        reserved = table
    }

    /// A topic that clients may use.
    static func checkTopic(_ name: ProtoText) throws(ProxyError) {
        guard isLegalName(name, bytesMax: NameRules.topicLengthMax) else {
            throw ProxyError(.illegalTopic, illegalNameText("topic", name, NameRules.topicLengthMax))
        }
        if mayBeSystemTopic(name), NameRules.isSystemTopic(name.string) {
            throw ProxyError(.illegalTopic, "the topic [\(name.string)] is conflict with system topic.")
        }
    }

    /// A group that clients may use.
    static func checkGroup(_ name: ProtoText) throws(ProxyError) {
        guard isLegalName(name, bytesMax: NameRules.groupLengthMax) else {
            throw ProxyError(.illegalConsumerGroup, illegalNameText("group", name, NameRules.groupLengthMax))
        }
        if NameRules.isSystemGroup(name.string) {
            throw ProxyError(.illegalConsumerGroup, "the group [\(name.string)] is conflict with system group.")
        }
    }

    private static func isLegalName(_ name: ProtoText, bytesMax: Int) -> Bool {
        guard !name.isEmpty, name.count <= bytesMax else { return false }
        for byte in name.bytes {
            switch byte {
            case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x5F, 0x2D, 0x25, 0x7C: continue
            default: return false
            }
        }
        return true
    }

    private static func illegalNameText(_ what: String, _ name: ProtoText, _ bytesMax: Int) -> String {
        if name.isBlank { return "the \(what) is blank" }
        if name.count > bytesMax { return "the \(what) is longer than \(bytesMax) characters" }
        return "the \(what) has characters other than letters, digits, %, |, - and _"
    }

    /// The first letters of all system topics' names; most names are settled by them without a string.
    private static func mayBeSystemTopic(_ name: ProtoText) -> Bool {
        switch name.bytes[0] {
        case UInt8(ascii: "T"), UInt8(ascii: "S"), UInt8(ascii: "B"), UInt8(ascii: "R"), UInt8(ascii: "O"),
            UInt8(ascii: "C"), UInt8(ascii: "r"):
            true
        default: false
        }
    }

    /// All rules for one message that need nothing but the message.
    func check(_ message: MessageView, nowMillis: Int64) throws(ProxyError) {
        try checkBody(message)
        try checkProperties(message)
        try checkTag(message)
        try checkKeys(message)
        try checkPropertyBytes(message)
        try checkIdentity(message)
        try checkTimes(message, nowMillis)
        try checkMessageGroup(message)
        try checkOpaqueTexts(message)
    }

    private func checkBody(_ message: MessageView) throws(ProxyError) {
        if limits.isEmptyBodyRefused, message.body.isEmpty {
            throw ProxyError(.messageBodyEmpty, "message body cannot be empty")
        }
        if limits.bodyBytesMax > 0, message.body.count > limits.bodyBytesMax {
            throw ProxyError(
                .messageBodyTooLarge,
                "message body has \(message.body.count) bytes, at most \(limits.bodyBytesMax) are allowed")
        }
    }

    private func checkProperties(_ message: MessageView) throws(ProxyError) {
        let count = message.propertyEntryCount
        guard count > 0 else { return }
        if count > MessageView.propertyEntryCountMax || isOverCount(message) {
            throw ProxyError(
                .messagePropertiesTooLarge, "a message may have \(limits.userPropertyCountMax) user properties at most")
        }
        for index in 0..<count {
            let key = message.propertyKey(index)
            if key.isEmpty { throw ProxyError(.illegalMessagePropertyKey, "the key of a user property is empty") }
            if reserved.find(key) != nil || isTransient(key) {
                throw ProxyError(
                    .illegalMessagePropertyKey, "property is used by system: \(key.string)")
            }
            if key.hasControlCharacter {
                throw ProxyError(.illegalMessagePropertyKey, "the key of a user property holds a control character")
            }
            if message.propertyValue(index).hasControlCharacter {
                throw ProxyError(
                    .illegalMessagePropertyKey, "the value of property \(key.string) holds a control character")
            }
        }
    }

    private func isTransient(_ key: ProtoText) -> Bool {
        key.bytes[0] == UInt8(ascii: "_") && key.string.hasPrefix(PropertyName.transientPrefix)
    }

    private func isOverCount(_ message: MessageView) -> Bool {
        guard limits.userPropertyCountMax > 0, message.propertyEntryCount > limits.userPropertyCountMax else {
            return false
        }
        let replaced = (0..<message.propertyEntryCount).count { message.isPropertyReplaced($0) }
        return message.propertyEntryCount - replaced > limits.userPropertyCountMax
    }

    private func checkTag(_ message: MessageView) throws(ProxyError) {
        guard let tag = message.tag, !tag.isEmpty else { return }
        if tag.isBlank { throw ProxyError(.illegalMessageTag, "tag cannot be nothing but white space") }
        if tag.bytes.contains(UInt8(ascii: "|")) { throw ProxyError(.illegalMessageTag, "tag cannot hold '|'") }
        if tag.hasControlCharacter { throw ProxyError(.illegalMessageTag, "tag cannot hold control characters") }
    }

    private func checkKeys(_ message: MessageView) throws(ProxyError) {
        for index in 0..<message.keyCount {
            let key = message.key(index)
            if key.isBlank { throw ProxyError(.illegalMessageKey, "key cannot be blank") }
            if key.hasControlCharacter { throw ProxyError(.illegalMessageKey, "key cannot hold control characters") }
        }
    }

    private func checkPropertyBytes(_ message: MessageView) throws(ProxyError) {
        guard limits.propertyBytesMax > 0 else { return }
        var bytes = message.tag?.count ?? 0
        for index in 0..<message.keyCount { bytes += message.key(index).count }
        for index in 0..<message.propertyEntryCount where !message.isPropertyReplaced(index) {
            bytes += message.propertyKey(index).count + message.propertyValue(index).count
        }
        if bytes > limits.propertyBytesMax {
            throw ProxyError(
                .messagePropertiesTooLarge,
                "properties, tag and keys have \(bytes) bytes, at most \(limits.propertyBytesMax) are allowed")
        }
    }

    private func checkIdentity(_ message: MessageView) throws(ProxyError) {
        if message.messageID.isBlank { throw ProxyError(.illegalMessageID, "message id cannot be blank") }
        if message.messageID.hasControlCharacter || message.messageID.count > Self.messageIDBytesMax {
            throw ProxyError(.illegalMessageID, "message id is too long or holds control characters")
        }
    }

    private static let messageIDBytesMax = 1_024

    private func checkTimes(_ message: MessageView, _ nowMillis: Int64) throws(ProxyError) {
        if message.messageType == .transaction, limits.transactionRecoverySecondsMax > 0,
            let recovery = message.orphanedTransactionRecoveryMillis,
            recovery > limits.transactionRecoverySecondsMax * 1000
        {
            throw ProxyError(
                .badRequest, "transaction recovery time is above \(limits.transactionRecoverySecondsMax) s")
        }
        switch message.deliveryTimestamp {
        case .absent: break
        case .invalid: throw ProxyError(.illegalDeliveryTime, "delivery time is not a valid time")
        case .millis(let millis):
            if limits.delayMillisMax > 0, millis - nowMillis > limits.delayMillisMax {
                throw ProxyError(.illegalDeliveryTime, "the delay is above \(limits.delayMillisMax) ms")
            }
        }
    }

    private func checkMessageGroup(_ message: MessageView) throws(ProxyError) {
        guard let group = message.messageGroup, !group.isEmpty else { return }
        if group.isBlank {
            throw ProxyError(.illegalMessageGroup, "message group cannot be nothing but white space")
        }
        if limits.messageGroupBytesBound > 0, group.count >= limits.messageGroupBytesBound {
            throw ProxyError(
                .illegalMessageGroup, "message group must be shorter than \(limits.messageGroupBytesBound) bytes")
        }
        if group.hasControlCharacter {
            throw ProxyError(.illegalMessageGroup, "message group cannot hold control characters")
        }
    }

    private static let traceContextBytesMax = 2_048

    /// What is stored as it came must not be able to end a property and begin another.
    private func checkOpaqueTexts(_ message: MessageView) throws(ProxyError) {
        if let trace = message.traceContext, trace.hasControlCharacter || trace.count > Self.traceContextBytesMax {
            throw ProxyError(.badRequest, "trace context is too long or holds control characters")
        }
        if let lite = message.liteTopic, !lite.isEmpty, !LiteTopicName.isValid(lite.bytes) {
            throw ProxyService.illegalLiteTopic
        }
        if let priority = message.priority, priority < 0 {
            throw ProxyError(.badRequest, "priority cannot be negative")
        }
    }
}

/// Properties that have a meaning to the system although Apache lets users set and see them.
enum InternalProperties {
    static let names: Set<String> = [
        PropertyName.shardingKey, PropertyName.traceContext, PropertyName.innerCount, PropertyName.innerBase,
        PropertyName.checkImmunitySeconds, PropertyName.transactionId, PropertyName.transactionCheckTimes,
        PropertyName.innerMultiDispatch, PropertyName.forwardQueueId, PropertyName.redirect,
    ]
}
