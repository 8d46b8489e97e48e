import CProtobufC
import CRocketMQProtos

/// RecallMessage.
package struct RecallMessageRequestView {
    /// The topic.
    package let topic: ResourceView
    /// What the send was answered with.
    package let recallHandle: ProtoText

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__recall_message_request__unpack)
        topic = try ResourceView(pointer.pointee.topic, "topic")
        try pointer.pointee.recall_handle.check("recall_handle")
        recallHandle = pointer.pointee.recall_handle.text
    }
}
