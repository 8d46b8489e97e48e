import MessageModel

/// The request body of BATCH_ACK_MESSAGE: acks of one broker, those of one pop of a queue together.
package struct BatchAckBody: JSONBody, Hashable {
    /// Acks of messages that one pop took out of one queue.
    package struct Entry: Sendable, Hashable {
        /// The group.
        package var consumerGroup: String
        /// The topic as asked for, not the retry topic.
        package var topic: String
        /// Which of the subscription's topics the messages came from: 0, 1, 2 or a topic name.
        package var retry: String
        /// First offset of the pop.
        package var startOffset: Int64
        /// The queue.
        package var queueId: Int32
        /// Apache's revive queue of the pop.
        package var reviveQueueId: Int32
        /// When the messages were handed out.
        package var popTimeMillis: Int64
        /// How long they stay invisible.
        package var invisibleMillis: Int64
        /// Acked offsets, counted from the first offset of the pop, ascending.
        package var acked: [Int]

        /// Acks of one pop.
        package init(
            consumerGroup: String, topic: String, retry: String, startOffset: Int64, queueId: Int32,
            reviveQueueId: Int32, popTimeMillis: Int64, invisibleMillis: Int64, acked: [Int]
        ) {
            self.consumerGroup = consumerGroup
            self.topic = topic
            self.retry = retry
            self.startOffset = startOffset
            self.queueId = queueId
            self.reviveQueueId = reviveQueueId
            self.popTimeMillis = popTimeMillis
            self.invisibleMillis = invisibleMillis
            self.acked = acked
        }
    }

    /// Offsets of one pop lie within this of its first; a pop hands out far fewer messages.
    package static let spanMax = 1 << 16

    /// Name of the broker group.
    package var brokerName: String
    /// The acks.
    package var entries: [Entry]

    /// Acks for one broker.
    package init(brokerName: String, entries: [Entry]) {
        self.brokerName = brokerName
        self.entries = entries
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "batch ack")
        self.init(brokerName: try fields.string("brokerName", default: ""), entries: [])
        for element in try fields.array("acks") ?? [] { entries.append(try Entry(json: element)) }
    }

    /// The JSON form.
    package var json: JSONValue {
        ["acks": .array(entries.map(\.json)), "brokerName": .string(brokerName)]
    }
}

/// Request header of BATCH_ACK_MESSAGE (200151) of our proxies; Apache's send none.
package struct BatchAckRequestHeader: RemotingHeader, Hashable {
    /// Whether the answer shall say how many handles were of no delivery.
    package var wantsRefusedCount: Bool

    /// A header to send.
    package init(wantsRefusedCount: Bool) { self.wantsRefusedCount = wantsRefusedCount }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        wantsRefusedCount = fields.optionalBool("tellRefused") ?? false
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        if wantsRefusedCount { writer.write("tellRefused", true) }
    }
}

/// Response header of BATCH_ACK_MESSAGE (200151). Apache's brokers send none, and say success whatever the handles are.
package struct BatchAckResponseHeader: RemotingHeader, Hashable {
    /// How many handles were of no delivery in progress.
    package var refusedCount: Int32

    /// A header to send.
    package init(refusedCount: Int32) { self.refusedCount = refusedCount }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        refusedCount = try fields.optionalInt32("refused") ?? 0
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        if refusedCount > 0 { writer.write("refused", refusedCount) }
    }
}

extension BatchAckBody.Entry {
    fileprivate init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "batch ack")
        guard let bits = Base64.decode(try fields.string("b", default: "")), bits.count * 8 <= BatchAckBody.spanMax
        else { throw ModelError(.invalidField, "batch ack: b must be a bit set in base64") }
        var acked: [Int] = []
        for (index, byte) in bits.enumerated() where byte != 0 {
            for bit in 0..<8 where byte >> UInt8(bit) & 1 == 1 { acked.append(index * 8 + bit) }
        }
        self.init(
            consumerGroup: try fields.requiredString("c"), topic: try fields.requiredString("t"),
            retry: try fields.string("r", default: "0"), startOffset: try fields.int64("so", default: 0),
            queueId: try fields.int32("q", default: 0), reviveQueueId: try fields.int32("rq", default: 0),
            popTimeMillis: try fields.int64("pt", default: 0), invisibleMillis: try fields.int64("it", default: 0),
            acked: acked)
    }

    fileprivate var json: JSONValue {
        var bits: [UInt8] = []
        for offset in acked where offset >= 0 && offset < BatchAckBody.spanMax {
            while bits.count <= offset / 8 { bits.append(0) }
            bits[offset / 8] |= 1 << UInt8(offset % 8)
        }
        return [
            "b": .string(Base64.encode(bits)), "c": .string(consumerGroup), "it": .integer(invisibleMillis),
            "pt": .integer(popTimeMillis), "q": .integer(Int64(queueId)), "r": .string(retry),
            "rq": .integer(Int64(reviveQueueId)), "so": .integer(startOffset), "t": .string(topic),
        ]
    }
}

/// Base64 with the standard alphabet.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let word =
                UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[index + 2]) : 0)
            for place in 0..<4 {
                let digit = alphabet[Int(word >> UInt32(18 - 6 * place) & 0x3F)]
                text.append(place <= left ? digit : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or nil when the text is not base64. Padding may be missing.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bitCount = 0
        var isPadded = false
        for character in text.utf8 {
            if character == UInt8(ascii: "=") {
                isPadded = true
                continue
            }
            guard !isPadded, let digit = value(of: character) else { return nil }
            word = word << 6 | UInt32(digit)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bitCount)))
            }
        }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
