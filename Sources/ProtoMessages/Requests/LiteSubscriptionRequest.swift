import CProtobufC
import CRocketMQProtos
import MessageModel

/// SyncLiteSubscription.
package struct SyncLiteSubscriptionRequestView {
    /// The parent topic.
    package let topic: ResourceView
    /// The consumer group.
    package let group: ResourceView
    /// What happens to the client's set; nil for a number that this version does not know.
    package let action: LiteSubscriptionAction?
    /// Where new subscriptions begin.
    package let start: LiteStart
    private let pointer: UnsafePointer<Apache__Rocketmq__V2__SyncLiteSubscriptionRequest>

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        pointer = try arena.decode(bytes, with: apache__rocketmq__v2__sync_lite_subscription_request__unpack)
        topic = try ResourceView(pointer.pointee.topic, "topic")
        group = try ResourceView(pointer.pointee.group, "group")
        // The numbers are the API's.
        action =
            switch pointer.pointee.action.rawValue {
            case 0: .partialAdd
            case 1: .partialRemove
            case 2: .completeAdd
            case 3: .completeRemove
            default: nil
            }
        for index in 0..<pointer.pointee.n_lite_topic_set {
            try pointer.pointee.lite_topic_set[index].check("lite_topic_set")
        }
        start = Self.start(UnsafePointer(pointer.pointee.offset_option))
    }

    private static func start(_ option: UnsafePointer<Apache__Rocketmq__V2__OffsetOption>?) -> LiteStart {
        guard let option = option?.pointee else { return .last }
        switch option.offset_type_case {
        case APACHE__ROCKETMQ__V2__OFFSET_OPTION__OFFSET_TYPE_POLICY:
            return option.policy.rawValue == 1 ? .earliest : option.policy.rawValue == 2 ? .latest : .last
        case APACHE__ROCKETMQ__V2__OFFSET_OPTION__OFFSET_TYPE_OFFSET: return .offset(option.offset)
        case APACHE__ROCKETMQ__V2__OFFSET_OPTION__OFFSET_TYPE_TAIL_N: return .back(option.tail_n)
        case APACHE__ROCKETMQ__V2__OFFSET_OPTION__OFFSET_TYPE_TIMESTAMP: return .timestamp(millis: option.timestamp)
        default: return .last
        }
    }

    /// Number of lite topics named.
    package var liteTopicCount: Int { pointer.pointee.n_lite_topic_set }

    /// One of the lite topics.
    package func liteTopic(_ index: Int) -> ProtoText { pointer.pointee.lite_topic_set[index].text }
}
