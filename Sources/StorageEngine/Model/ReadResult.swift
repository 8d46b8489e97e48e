/// One record in the buffer of a read.
package struct RecordSlot: Hashable, Sendable {
    /// Its offset in the queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64
    /// Its bytes.
    package var size: Int32
    /// Hash of its tag.
    package var tagsCode: Int64
    /// Where it lies, by the buffer's own indices.
    package var range: Range<Int>
}

/// What a read found.
package struct ReadResult: Sendable {
    /// The answers of a read, as Apache's store names them.
    package enum Status: String, Sendable {
        case found = "FOUND"
        case noMatchedMessage = "NO_MATCHED_MESSAGE"
        case messageWasRemoving = "MESSAGE_WAS_REMOVING"
        case offsetFoundNull = "OFFSET_FOUND_NULL"
        case offsetOverflowBadly = "OFFSET_OVERFLOW_BADLY"
        case offsetOverflowOne = "OFFSET_OVERFLOW_ONE"
        case offsetTooSmall = "OFFSET_TOO_SMALL"
        case noMatchedLogicQueue = "NO_MATCHED_LOGIC_QUEUE"
        case noMessageInQueue = "NO_MESSAGE_IN_QUEUE"
    }

    /// The outcome.
    package var status: Status
    /// Where the next read goes on.
    package var nextOffset: Int64
    /// First offset of the queue.
    package var minOffset: Int64
    /// Offset after the last readable message.
    package var maxOffset: Int64
    /// What was appended to the buffer, ascending.
    package var records: [RecordSlot]
}

/// What opening a store found and did.
package struct RecoveryReport: Sendable {
    /// A record that cannot be read, between readable ones.
    package struct Damage: Hashable, Sendable {
        /// File it lies in.
        package var file: String
        /// Its log offset.
        package var logOffset: Int64
    }

    /// The last stop was clean.
    package var wasClean = true
    /// Log offset recovery read from.
    package var scannedFrom: Int64 = 0
    /// End of the log.
    package var logEnd: Int64 = 0
    /// Messages read on the way.
    package var messagesScanned = 0
    /// Bytes of an unfinished record cut off at the end, as far as its own length told.
    package var tailWasCut = false
    /// Unreadable records that were stepped over.
    package var damages: [Damage] = []
}
