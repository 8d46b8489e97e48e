import NIOCore

/// A message as a producer hands it to a proxy.
package struct ClientMessage {
    /// Its id, which the SDKs make: 34 hexadecimal digits.
    package var id: String
    /// NORMAL, FIFO or DELAY.
    package var type: ProtoMessageType
    /// Messages of one group are delivered in order; only with FIFO.
    package var group: String?
    /// When a DELAY message is due, milliseconds since 1970.
    package var deliveryMillis: Int64?
    /// When it was made, milliseconds since 1970.
    package var bornMillis: Int64
    /// The body.
    package var body: ByteBuffer

    /// A message; the body is not copied before it is written.
    package init(
        id: String, type: ProtoMessageType, group: String? = nil, deliveryMillis: Int64? = nil, bornMillis: Int64,
        body: ByteBuffer
    ) {
        self.id = id
        self.type = type
        self.group = group
        self.deliveryMillis = deliveryMillis
        self.bornMillis = bornMillis
        self.body = body
    }
}

/// How a client asks for messages.
package struct ClientReceive {
    /// The most messages of one answer.
    package var batchSize: Int
    /// How long they stay invisible to others.
    package var invisibleMillis: Int64
    /// How long the proxy waits for one.
    package var pollMillis: Int64

    /// What to ask for.
    package init(batchSize: Int, invisibleMillis: Int64, pollMillis: Int64) {
        self.batchSize = batchSize
        self.invisibleMillis = invisibleMillis
        self.pollMillis = pollMillis
    }
}

/// Writes the requests of `MessagingService` that our own clients make (field numbers: `Protos/`).
package enum ClientRequests {
    /// Room for the fixed fields of a request beside the texts in it.
    private static let fixedBytesMax = 512

    /// SendMessageRequest with one message.
    package static func send(_ message: ClientMessage, topic: String, bornHost: String) -> ByteBuffer {
        var request = ByteBuffer()
        let texts = topic.utf8.count + bornHost.utf8.count + message.id.utf8.count + (message.group?.utf8.count ?? 0)
        let capacity = message.body.readableBytes + texts + fixedBytesMax
        request.writeProto(capacity: capacity) { writer in
            writer.message(1, sizeHint: capacity) { entry in
                entry.message(1) { $0.text(2, topic) }
                entry.message(3) { system in
                    system.text(3, message.id)
                    system.integer(5, Int64(ProtoEncoding.identity.rawValue))
                    system.integer(6, Int64(message.type.rawValue))
                    system.timestamp(7, millis: message.bornMillis)
                    system.text(8, bornHost)
                    if let due = message.deliveryMillis { system.timestamp(11, millis: due) }
                    if let group = message.group { system.text(17, group) }
                }
                message.body.withUnsafeReadableBytes { entry.bytes(4, $0) }
            }
        }
        return request
    }

    /// ReceiveMessageRequest for all queues and all tags.
    package static func receive(_ receive: ClientReceive, topic: String, group: String) -> ByteBuffer {
        var request = ByteBuffer()
        request.writeProto(capacity: topic.utf8.count + group.utf8.count + fixedBytesMax) { writer in
            writer.message(1) { $0.text(2, group) }
            writer.message(2) { queue in
                queue.message(1) { $0.text(2, topic) }
                queue.integer(3, Int64(ProtoPermission.readWrite.rawValue))
            }
            writer.message(3) { filter in
                filter.integer(1, Int64(ProtoFilterType.tag.rawValue))
                filter.text(2, "*")
            }
            writer.integer(4, Int64(receive.batchSize))
            writer.duration(5, millis: receive.invisibleMillis)
            writer.duration(7, millis: receive.pollMillis)
        }
        return request
    }

    /// AckMessageRequest for messages of one answer.
    package static func acknowledge(
        _ messages: [(id: String, handle: String)], topic: String, group: String
    ) -> ByteBuffer {
        var request = ByteBuffer()
        let handles = messages.reduce(0) { sum, message in
            sum + message.id.utf8.count + message.handle.utf8.count + ProtoWriter.fieldOverheadBytes * 3
        }
        request.writeProto(capacity: topic.utf8.count + group.utf8.count + handles + fixedBytesMax) { writer in
            writer.message(1) { $0.text(2, group) }
            writer.message(2) { $0.text(2, topic) }
            for message in messages {
                writer.message(3) { entry in
                    entry.text(1, message.id)
                    entry.text(2, message.handle)
                }
            }
        }
        return request
    }
}
