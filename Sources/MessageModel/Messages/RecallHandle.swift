/// Names a delayed message that can be taken back: base64 of `v1 topic broker time key` (consume.md 11). The broker gives
/// it with the answer to a send.
package struct RecallHandle: Sendable, Hashable {
    /// Longest text that is read.
    package static let bytesMax = 4_096

    /// The topic that the message is for.
    package var topic: String
    /// The broker that holds it.
    package var brokerName: String
    /// TIMER_OUT_MS of the message plus 1: of all times in its slot the earliest.
    package var deliverMillis: Int64
    /// The message's UNIQ_KEY.
    package var messageID: String

    /// A handle of its parts.
    package init(topic: String, brokerName: String, deliverMillis: Int64, messageID: String) {
        self.topic = topic
        self.brokerName = brokerName
        self.deliverMillis = deliverMillis
        self.messageID = messageID
    }

    /// Reads a handle; nil when it is none.
    package init?(text: String) {
        guard text.utf8.count <= Self.bytesMax, let bytes = Base64URL.decode(text) else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "v1", let millis = Int64(parts[3]), !parts[4].isEmpty else { return nil }
        self.init(
            topic: String(parts[1]), brokerName: String(parts[2]), deliverMillis: millis, messageID: String(parts[4]))
    }

    /// The form that clients carry.
    package var text: String { Base64URL.encode(Array("v1 \(topic) \(brokerName) \(deliverMillis) \(messageID)".utf8)) }
}
