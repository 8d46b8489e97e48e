import CProtobufC
import CRocketMQProtos

/// EndTransaction.
package struct EndTransactionRequestView {
    /// What is decided.
    package enum Resolution: Sendable {
        case commit
        case rollback
        /// No decision; clients send it after a check that found nothing out.
        case none
    }

    /// The topic of the message.
    package let topic: ResourceView
    /// Id of the message.
    package let messageID: ProtoText
    /// What SendMessage, or the recover command, gave.
    package let transactionID: ProtoText
    /// The decision.
    package let resolution: Resolution
    /// Whether the client says that it was asked; many do not say.
    package let isAnswerToCheck: Bool

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__end_transaction_request__unpack)
        topic = try ResourceView(pointer.pointee.topic, "topic")
        try pointer.pointee.message_id.check("message_id")
        try pointer.pointee.transaction_id.check("transaction_id")
        messageID = pointer.pointee.message_id.text
        transactionID = pointer.pointee.transaction_id.text
        // The numbers are the API's; an unknown one is no decision.
        resolution =
            switch pointer.pointee.resolution.rawValue {
            case 1: .commit
            case 2: .rollback
            default: .none
            }
        isAnswerToCheck = pointer.pointee.source.rawValue == 2
    }
}
