import CProtobufC
import CRocketMQProtos

/// AckMessage.
package struct AckMessageRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// The topic.
    package let topic: ResourceView
    private let pointer: UnsafePointer<Apache__Rocketmq__V2__AckMessageRequest>

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        pointer = try arena.decode(bytes, with: apache__rocketmq__v2__ack_message_request__unpack)
        group = try ResourceView(pointer.pointee.group, "group")
        topic = try ResourceView(pointer.pointee.topic, "topic")
        for index in 0..<pointer.pointee.n_entries {
            guard let entry = pointer.pointee.entries[index] else { continue }
            try entry.pointee.message_id.check("message_id")
            try entry.pointee.receipt_handle.check("receipt_handle")
            if entry.pointee.lite_topic_presence_case.rawValue != 0 { try entry.pointee.lite_topic.check("lite_topic") }
        }
    }

    /// Number of entries.
    package var entryCount: Int { pointer.pointee.n_entries }

    /// Message id of an entry.
    package func messageID(_ index: Int) -> ProtoText {
        pointer.pointee.entries[index]?.pointee.message_id.text ?? .empty
    }

    /// Receipt handle of an entry.
    package func receiptHandle(_ index: Int) -> ProtoText {
        pointer.pointee.entries[index]?.pointee.receipt_handle.text ?? .empty
    }

    /// Lite topic of an entry's message; empty for a message of none.
    package func liteTopic(_ index: Int) -> ProtoText {
        guard let entry = pointer.pointee.entries[index], entry.pointee.lite_topic_presence_case.rawValue != 0 else {
            return .empty
        }
        return entry.pointee.lite_topic.text
    }
}

/// ChangeInvisibleDuration.
package struct ChangeInvisibleDurationRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// The topic.
    package let topic: ResourceView
    /// Handle of the delivery.
    package let receiptHandle: ProtoText
    /// Id of the message.
    package let messageID: ProtoText
    /// From now on; absent is 0.
    package let invisibleMillis: Int64
    /// Whether the attempt is not to count.
    package let isSuspended: Bool
    /// Lite topic of the message; empty for a message of none.
    package let liteTopic: ProtoText

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__change_invisible_duration_request__unpack)
        group = try ResourceView(pointer.pointee.group, "group")
        topic = try ResourceView(pointer.pointee.topic, "topic")
        try pointer.pointee.receipt_handle.check("receipt_handle")
        try pointer.pointee.message_id.check("message_id")
        receiptHandle = pointer.pointee.receipt_handle.text
        messageID = pointer.pointee.message_id.text
        invisibleMillis = ProtoTime.millis(UnsafePointer(pointer.pointee.invisible_duration)) ?? 0
        if pointer.pointee.lite_topic_presence_case.rawValue != 0 {
            try pointer.pointee.lite_topic.check("lite_topic")
            liteTopic = pointer.pointee.lite_topic.text
        } else {
            liteTopic = .empty
        }
        isSuspended = pointer.pointee.suspend_presence_case.rawValue != 0 && pointer.pointee.suspend != 0
    }
}

/// ReceiveMessage.
package struct ReceiveMessageRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// Topic of the queue.
    package let topic: ResourceView
    /// Broker that the client means; may be unknown or empty.
    package let brokerName: ProtoText
    /// Filter.
    package let filter: FilterExpressionView
    /// Messages at most.
    package let batchSize: Int32
    /// Asked invisible time.
    package let invisibleMillis: Int64?
    /// Whether the server keeps the messages invisible while the client works.
    package let isAutoRenew: Bool
    /// Asked poll time.
    package let longPollingMillis: Int64?
    /// Same text on a repeated attempt.
    package let attemptID: ProtoText?

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__receive_message_request__unpack)
        let queue = UnsafePointer<CMessageQueue>(pointer.pointee.message_queue)
        group = try ResourceView(pointer.pointee.group, "group")
        topic = try ResourceView(UnsafePointer(queue?.pointee.topic), "message_queue.topic")
        if let broker = queue?.pointee.broker {
            try broker.pointee.name.check("message_queue.broker.name")
            brokerName = broker.pointee.name.text
        } else {
            brokerName = .empty
        }
        filter = try FilterExpressionView(pointer.pointee.filter_expression)
        batchSize = pointer.pointee.batch_size
        invisibleMillis = ProtoTime.millis(UnsafePointer(pointer.pointee.invisible_duration))
        isAutoRenew = pointer.pointee.auto_renew != 0
        longPollingMillis = ProtoTime.millis(UnsafePointer(pointer.pointee.long_polling_timeout))
        if pointer.pointee.attempt_id_presence_case.rawValue != 0 {
            try pointer.pointee.attempt_id.check("attempt_id")
            attemptID = pointer.pointee.attempt_id.text
        } else {
            attemptID = nil
        }
    }
}
