import MessageModel
import ProtoMessages

/// Which queue a message goes to.
package enum QueueSelection {
    /// The place of a message group among `queueCount` queues.
    ///
    /// The same choice as Apache's proxy makes, so that a group stays in its queue when both run side by side: Guava's
    /// consistent hash of Java's string hash.
    package static func index(messageGroup: ProtoText, queueCount: Int) -> Int {
        consistentHash(Int64(JavaHash.hashCode(utf8: messageGroup.bytes)), buckets: Int32(clamping: queueCount))
    }

    /// Jump consistent hash, driven by a 64-bit linear congruential generator.
    static func consistentHash(_ input: Int64, buckets: Int32) -> Int {
        precondition(buckets > 0)
        var state = input
        var candidate: Int32 = 0
        while true {
            state = state &* 2_862_933_555_777_941_757 &+ 1
            let fraction = Double(Int32(truncatingIfNeeded: UInt64(bitPattern: state) >> 33) &+ 1) / 0x1p31
            let step = (Double(candidate) + 1) / fraction
            let next = step >= Double(Int32.max) ? Int32.max : Int32(step)
            guard next >= 0, next < buckets else { return Int(candidate) }
            candidate = next
        }
    }
}
