import MessageModel
import ProtoMessages

/// What a client brings back to end its transaction: everything that any proxy needs to find the half message. Opaque to
/// clients; text, `1-s-HALF-LOG-BROKER` with offsets in hexadecimal digits.
package struct TransactionID: Sendable, Hashable {
    /// The broker that holds the half message.
    package var brokerName: String
    /// Its offset in the half queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64
    /// Given with a question to a producer, not with the answer to its send: some clients do not say which they answer.
    package var isOfCheck: Bool

    private static let version = "1"
    /// No text of ours is longer.
    private static let bytesMax = 320

    /// An id of its parts.
    package init(brokerName: String, queueOffset: Int64, logOffset: Int64, isOfCheck: Bool) {
        self.brokerName = brokerName
        self.queueOffset = queueOffset
        self.logOffset = logOffset
        self.isOfCheck = isOfCheck
    }

    /// Reads a client's text; nil for what is none of ours.
    package init?(parsing text: String) {
        guard text.utf8.count <= Self.bytesMax else { return nil }
        let parts = text.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == Self.version, parts[1] == "s" || parts[1] == "c", !parts[4].isEmpty,
            let queueOffset = Self.number(parts[2]), let logOffset = Self.number(parts[3])
        else { return nil }
        self.init(
            brokerName: String(parts[4]), queueOffset: queueOffset, logOffset: logOffset, isOfCheck: parts[1] == "c")
    }

    private static func number(_ digits: Substring) -> Int64? {
        guard let first = digits.utf8.first, first != UInt8(ascii: "+"), let value = Int64(digits, radix: 16),
            value >= 0
        else { return nil }
        return value
    }

    /// The text for clients.
    package var text: String {
        let offsets = "\(String(queueOffset, radix: 16))-\(String(logOffset, radix: 16))"
        return "\(Self.version)-\(isOfCheck ? "c" : "s")-\(offsets)-\(brokerName)"
    }
}
