import CProtobufC
import CRocketMQProtos

/// Kinds of messages on the wire.
package enum ProtoMessageType: Int32, Sendable {
    case unspecified = 0
    case normal = 1
    case fifo = 2
    case delay = 3
    case transaction = 4
    case lite = 5
    case priority = 6
}

/// How a body is encoded on the wire.
package enum ProtoEncoding: Int32, Sendable {
    case unspecified = 0
    case identity = 1
    case gzip = 2
}

/// A message that a producer sends; its parts live in the arena.
package struct MessageView {
    private let message: UnsafePointer<CMessage>
    private let system: UnsafePointer<CSystemProperties>?
    /// Its topic.
    package let topic: ResourceView

    /// More raw map entries than this are refused before anything is done per pair of them.
    package static let propertyEntryCountMax = 256

    init(_ pointer: UnsafePointer<CMessage>) throws(ProtoError) {
        message = pointer
        system = UnsafePointer(pointer.pointee.system_properties)
        topic = try ResourceView(pointer.pointee.topic, "topic")
        try checkUserProperties()
        if let system { try Self.check(system) }
    }

    private func checkUserProperties() throws(ProtoError) {
        for index in 0..<message.pointee.n_user_properties {
            guard let pair = message.pointee.user_properties[index] else { continue }
            try pair.pointee.key.check("user_properties.key")
            try pair.pointee.value.check("user_properties.value")
        }
    }

    private static func check(_ system: UnsafePointer<CSystemProperties>) throws(ProtoError) {
        try system.pointee.message_id.check("message_id")
        try system.pointee.born_host.check("born_host")
        for index in 0..<system.pointee.n_keys { try system.pointee.keys[index].check("keys") }
        if system.pointee.tag_presence_case.rawValue != 0 { try system.pointee.tag.check("tag") }
        if system.pointee.message_group_presence_case.rawValue != 0 {
            try system.pointee.message_group.check("message_group")
        }
        if system.pointee.trace_context_presence_case.rawValue != 0 {
            try system.pointee.trace_context.check("trace_context")
        }
        if system.pointee.lite_topic_presence_case.rawValue != 0 { try system.pointee.lite_topic.check("lite_topic") }
    }

    /// The body as sent.
    package var body: UnsafeRawBufferPointer { message.pointee.body.rawBytes }

    /// Entries of the property map as sent; a key may come twice, and then the last one counts.
    package var propertyEntryCount: Int { message.pointee.n_user_properties }

    /// Key of a property entry.
    package func propertyKey(_ index: Int) -> ProtoText {
        message.pointee.user_properties[index]?.pointee.key.text ?? .empty
    }

    /// Value of a property entry.
    package func propertyValue(_ index: Int) -> ProtoText {
        message.pointee.user_properties[index]?.pointee.value.text ?? .empty
    }

    /// Whether a later entry has the same key, so that this one does not count.
    package func isPropertyReplaced(_ index: Int) -> Bool {
        let key = propertyKey(index)
        var later = index + 1
        while later < propertyEntryCount {
            if propertyKey(later) == key { return true }
            later += 1
        }
        return false
    }

    /// Filter tag.
    package var tag: ProtoText? {
        guard let system, system.pointee.tag_presence_case.rawValue != 0 else { return nil }
        return system.pointee.tag.text
    }

    /// Number of index keys.
    package var keyCount: Int { system?.pointee.n_keys ?? 0 }

    /// One index key.
    package func key(_ index: Int) -> ProtoText { system?.pointee.keys[index].text ?? .empty }

    /// The id the client made.
    package var messageID: ProtoText { system?.pointee.message_id.text ?? .empty }

    /// How the body is encoded.
    package var bodyEncoding: ProtoEncoding {
        ProtoEncoding(rawValue: Int32(bitPattern: system?.pointee.body_encoding.rawValue ?? 0)) ?? .unspecified
    }

    /// The kind the client says it is.
    package var messageType: ProtoMessageType {
        ProtoMessageType(rawValue: Int32(bitPattern: system?.pointee.message_type.rawValue ?? 0)) ?? .unspecified
    }

    /// When the client made it.
    package var bornTimestamp: ProtoTimestamp { ProtoTime.millis(UnsafePointer(system?.pointee.born_timestamp)) }

    /// Host the client made it on.
    package var bornHost: ProtoText { system?.pointee.born_host.text ?? .empty }

    /// When it is to be delivered.
    package var deliveryTimestamp: ProtoTimestamp {
        ProtoTime.millis(UnsafePointer(system?.pointee.delivery_timestamp))
    }

    /// Ordering key.
    package var messageGroup: ProtoText? {
        guard let system, system.pointee.message_group_presence_case.rawValue != 0 else { return nil }
        return system.pointee.message_group.text
    }

    /// Trace text, opaque.
    package var traceContext: ProtoText? {
        guard let system, system.pointee.trace_context_presence_case.rawValue != 0 else { return nil }
        return system.pointee.trace_context.text
    }

    /// Wait before the first transaction check.
    package var orphanedTransactionRecoveryMillis: Int64? {
        ProtoTime.millis(UnsafePointer(system?.pointee.orphaned_transaction_recovery_duration))
    }

    /// Sub-topic of a LITE topic.
    package var liteTopic: ProtoText? {
        guard let system, system.pointee.lite_topic_presence_case.rawValue != 0 else { return nil }
        return system.pointee.lite_topic.text
    }

    /// Priority.
    package var priority: Int32? {
        guard let system, system.pointee.priority_presence_case.rawValue != 0 else { return nil }
        return system.pointee.priority
    }
}

/// SendMessage.
package struct SendMessageRequestView {
    private let pointer: UnsafePointer<Apache__Rocketmq__V2__SendMessageRequest>

    /// Decodes the request into the arena. Text of every message is checked by `message(_:)`.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        pointer = try arena.decode(bytes, with: apache__rocketmq__v2__send_message_request__unpack)
    }

    /// Number of messages.
    package var messageCount: Int { pointer.pointee.n_messages }

    /// One message.
    package func message(_ index: Int) throws(ProtoError) -> MessageView {
        guard let message = pointer.pointee.messages[index] else {
            throw ProtoError(code: .malformed, message: "a message is missing")
        }
        return try MessageView(message)
    }
}
