/// The copies of delayed messages that were already written when a broker died: found in the log behind the last progress
/// that was saved, so that a start does not deliver them again.
///
/// A copy carries the properties of the waiting message, so what is equal in all of these is the same message. Counted,
/// as a producer may have sent one twice. Copies beyond the bound are forgotten and delivered twice: that is allowed, to
/// run out of memory is not.
package struct DeliveredCopies: Sendable {
    /// What identifies a delayed message.
    package struct Identity: Sendable, Hashable {
        /// The topic that it is for.
        package var topic: String
        /// The queue that it is for.
        package var queueID: Int32
        /// Its UNIQ_KEY; empty when it has none.
        package var uniqueKey: String
        /// When the producer made it.
        package var bornTimestampMillis: Int64
        /// How often it was consumed in vain.
        package var reconsumeTimes: Int32
        /// DELAY or TIMER_OUT_MS.
        package var delay: String

        /// All of it.
        package init(
            topic: String, queueID: Int32, uniqueKey: String, bornTimestampMillis: Int64, reconsumeTimes: Int32,
            delay: String
        ) {
            self.topic = topic
            self.queueID = queueID
            self.uniqueKey = uniqueKey
            self.bornTimestampMillis = bornTimestampMillis
            self.reconsumeTimes = reconsumeTimes
            self.delay = delay
        }
    }

    /// Most identities that are kept.
    package static let countMax = 1 << 20

    private var counts: [Identity: Int32] = [:]

    /// None.
    package init() {}

    /// Whether there is nothing left to compare with.
    package var isEmpty: Bool { counts.isEmpty }

    /// Notes a copy.
    package mutating func insert(_ identity: Identity) {
        guard counts.count < Self.countMax || counts[identity] != nil else { return }
        counts[identity, default: 0] += 1
    }

    /// Whether a message about to be delivered was; one copy stands for one message.
    package mutating func take(_ identity: Identity) -> Bool {
        guard let count = counts[identity] else { return false }
        counts[identity] = count > 1 ? count - 1 : nil
        return true
    }
}
