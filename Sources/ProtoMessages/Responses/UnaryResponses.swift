import NIOCore

/// Responses with nothing but a status, and those with few fields, written straight into the answer's buffer.
package enum ResponseEncoder {
    /// `{status = 1}`: Heartbeat, NotifyClientTermination and the failed form of every unary call.
    package static func statusOnly(_ status: ProtoStatus, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: status.message.utf8.count + 64) { writer in
            writer.status(1, status)
        }
    }

    /// ChangeInvisibleDurationResponse.
    package static func changeInvisibleDuration(
        _ status: ProtoStatus, receiptHandle: String, into buffer: inout ByteBuffer
    ) {
        buffer.writeProto(capacity: status.message.utf8.count + receiptHandle.utf8.count + 96) { writer in
            writer.status(1, status)
            writer.text(2, receiptHandle)
        }
    }

    /// RecallMessageResponse.
    package static func recallMessage(_ status: ProtoStatus, messageID: String, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: status.message.utf8.count + messageID.utf8.count + 96) { writer in
            writer.status(1, status)
            writer.text(2, messageID)
        }
    }

    /// SendMessageResponse.
    package static func sendMessage(
        _ status: ProtoStatus, entries: [SendResultEntry], into buffer: inout ByteBuffer
    ) {
        let capacity = entries.reduce(status.message.utf8.count + 64) { $0 + $1.encodedBytesMax }
        buffer.writeProto(capacity: capacity) { writer in
            writer.status(1, status)
            for entry in entries {
                writer.message(2, sizeHint: entry.encodedBytesMax - SendResultEntry.marginBytes) { inner in
                    inner.status(1, entry.status)
                    inner.text(2, entry.messageID)
                    inner.text(3, entry.transactionID)
                    inner.integer(4, entry.offset)
                    inner.text(5, entry.recallHandle)
                }
            }
        }
    }

    /// AckMessageResponse.
    package static func ackMessage(_ status: ProtoStatus, entries: [AckResultEntry], into buffer: inout ByteBuffer) {
        let capacity = entries.reduce(status.message.utf8.count + 64) { sum, entry in
            sum + entry.messageID.utf8.count + entry.receiptHandle.utf8.count + entry.status.message.utf8.count + 128
        }
        buffer.writeProto(capacity: capacity) { writer in
            writer.status(1, status)
            for entry in entries {
                writer.message(2, sizeHint: 128) { inner in
                    inner.text(1, entry.messageID)
                    inner.text(2, entry.receiptHandle)
                    inner.status(3, entry.status)
                }
            }
        }
    }
}

/// One entry of SendMessageResponse.
package struct SendResultEntry: Hashable, Sendable {
    static let marginBytes = 96

    /// How it went.
    package var status: ProtoStatus
    /// The client's id.
    package var messageID: String
    /// What EndTransaction has to bring back.
    package var transactionID: String
    /// Offset in its queue.
    package var offset: Int64
    /// What RecallMessage has to bring.
    package var recallHandle: String

    /// An entry.
    package init(
        status: ProtoStatus, messageID: String, transactionID: String = "", offset: Int64 = 0, recallHandle: String = ""
    ) {
        self.status = status
        self.messageID = messageID
        self.transactionID = transactionID
        self.offset = offset
        self.recallHandle = recallHandle
    }

    var encodedBytesMax: Int {
        status.message.utf8.count + messageID.utf8.count + transactionID.utf8.count + recallHandle.utf8.count
            + Self.marginBytes
    }
}

/// One entry of AckMessageResponse.
package struct AckResultEntry: Hashable, Sendable {
    /// The message id as the client sent it.
    package var messageID: String
    /// The handle as the client sent it.
    package var receiptHandle: String
    /// How it went.
    package var status: ProtoStatus

    /// An entry.
    package init(messageID: String, receiptHandle: String, status: ProtoStatus) {
        self.messageID = messageID
        self.receiptHandle = receiptHandle
        self.status = status
    }
}
