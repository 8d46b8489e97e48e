import MessageModel
import NIOCore

/// Messages with a priority: the queue is the priority, and consumers that leave the choice of the queue to the broker
/// get the highest queue first.
enum PriorityQueues {
    /// The property with the priority.
    static let propertyName: StaticString = "_SYS_MSG_PRIORITY_"

    /// The queue of a message with a priority, higher priorities than there are queues share the last one; nil for a
    /// message without, or one whose other properties say what it is.
    static func queueID(properties: ByteBuffer, writeQueueCount: Int32) -> Int32? {
        guard writeQueueCount > 0 else { return nil }
        return properties.withUnsafeReadableBytes { text -> Int32? in
            guard let range = PropertyText.find(propertyName, in: text) else { return nil }
            let value = String(decoding: UnsafeRawBufferPointer(rebasing: text[range]), as: UTF8.self)
            guard let priority = Int32(value), priority >= 0, !isOfOtherKind(text) else { return nil }
            return min(priority, writeQueueCount - 1)
        }
    }

    private static func isOfOtherKind(_ text: UnsafeRawBufferPointer) -> Bool {
        let kinds: [StaticString] = [
            "TRAN_MSG", "DELAY", "TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_DELAY_MS", "__SHARDINGKEY",
        ]
        return kinds.contains { PropertyText.find($0, in: text) != nil }
    }
}
