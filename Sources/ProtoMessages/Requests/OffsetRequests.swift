import CProtobufC
import CRocketMQProtos

/// One queue as a request names it.
package struct QueueView {
    /// Its topic.
    package let topic: ResourceView
    /// Name of the broker that holds it.
    package let brokerName: ProtoText
    /// Its number there.
    package let id: Int32

    init(_ pointer: UnsafePointer<CMessageQueue>?) throws(ProtoError) {
        topic = try ResourceView(UnsafePointer(pointer?.pointee.topic), "message_queue.topic")
        if let broker = pointer?.pointee.broker {
            try broker.pointee.name.check("message_queue.broker.name")
            brokerName = broker.pointee.name.text
        } else {
            brokerName = .empty
        }
        id = pointer?.pointee.id ?? 0
    }
}

/// ForwardMessageToDeadLetterQueue.
package struct DeadLetterRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// The topic.
    package let topic: ResourceView
    /// Handle of the delivery.
    package let receiptHandle: ProtoText
    /// Id of the message.
    package let messageID: ProtoText
    /// Lite topic of the message; empty for a message of none.
    package let liteTopic: ProtoText

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(
            bytes, with: apache__rocketmq__v2__forward_message_to_dead_letter_queue_request__unpack)
        group = try ResourceView(pointer.pointee.group, "group")
        topic = try ResourceView(pointer.pointee.topic, "topic")
        try pointer.pointee.receipt_handle.check("receipt_handle")
        try pointer.pointee.message_id.check("message_id")
        receiptHandle = pointer.pointee.receipt_handle.text
        messageID = pointer.pointee.message_id.text
        if pointer.pointee.lite_topic_presence_case.rawValue != 0 {
            try pointer.pointee.lite_topic.check("lite_topic")
            liteTopic = pointer.pointee.lite_topic.text
        } else {
            liteTopic = .empty
        }
    }
}

/// PullMessage.
package struct PullMessageRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// The queue.
    package let queue: QueueView
    /// Where to read from.
    package let offset: Int64
    /// Messages at most.
    package let batchSize: Int32
    /// Filter.
    package let filter: FilterExpressionView
    /// Asked poll time.
    package let longPollingMillis: Int64?

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__pull_message_request__unpack)
        group = try ResourceView(pointer.pointee.group, "group")
        queue = try QueueView(pointer.pointee.message_queue)
        offset = pointer.pointee.offset
        batchSize = pointer.pointee.batch_size
        filter = try FilterExpressionView(pointer.pointee.filter_expression)
        longPollingMillis = ProtoTime.millis(UnsafePointer(pointer.pointee.long_polling_timeout))
    }
}

/// UpdateOffset.
package struct UpdateOffsetRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// The queue.
    package let queue: QueueView
    /// The group's position from now on.
    package let offset: Int64

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__update_offset_request__unpack)
        group = try ResourceView(pointer.pointee.group, "group")
        queue = try QueueView(pointer.pointee.message_queue)
        offset = pointer.pointee.offset
    }
}

/// GetOffset.
package struct GetOffsetRequestView {
    /// The consumer group.
    package let group: ResourceView
    /// The queue.
    package let queue: QueueView

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__get_offset_request__unpack)
        group = try ResourceView(pointer.pointee.group, "group")
        queue = try QueueView(pointer.pointee.message_queue)
    }
}

/// QueryOffset.
package struct QueryOffsetRequestView {
    /// What is asked for.
    package enum Policy: Int32, Sendable {
        /// The first message.
        case beginning = 0
        /// The place after the last message.
        case end = 1
        /// The first message stored at a time or later.
        case timestamp = 2
    }

    /// The queue.
    package let queue: QueueView
    /// What is asked for; nil for a number that has no meaning.
    package let policy: Policy?
    /// The time, where one is asked for.
    package let timestamp: ProtoTimestamp

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__query_offset_request__unpack)
        queue = try QueueView(pointer.pointee.message_queue)
        policy = Policy(rawValue: Int32(bitPattern: pointer.pointee.query_offset_policy.rawValue))
        timestamp = ProtoTime.millis(UnsafePointer(pointer.pointee.timestamp))
    }
}
