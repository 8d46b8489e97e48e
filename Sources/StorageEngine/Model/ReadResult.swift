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
    /// A stretch of the log that cannot be read, between readable records.
    package struct Damage: Hashable, Sendable {
        /// File it begins in.
        package var file: String
        /// Its log offset.
        package var logOffset: Int64
        /// Its bytes, up to the next good record.
        package var bytes: Int64

        /// A stretch.
        package init(file: String, logOffset: Int64, bytes: Int64) {
            self.file = file
            self.logOffset = logOffset
            self.bytes = bytes
        }
    }

    /// The last stop was clean.
    package var wasClean = true
    /// Queues that were missing and are built from the log.
    package var rebuiltQueues = 0
    /// Log offset recovery read from.
    package var scannedFrom: Int64 = 0
    /// End of the log.
    package var logEnd: Int64 = 0
    /// Bytes of the log read on the way.
    package var bytesScanned: Int64 = 0
    /// Time the recovery took.
    package var durationMillis: Int64 = 0
    /// Queue units that were missing and are written.
    package var unitsWritten = 0
    /// Behind it the newest file has no blocks, as the disk is full; nil as a rule.
    package var unreservedOffset: Int64?
    /// Messages read on the way.
    package var messagesScanned = 0
    /// Bytes of an unfinished record cut off at the end, as far as its own length told.
    package var tailWasCut = false
    /// Unreadable records that were stepped over.
    package var damages: [Damage] = []
}
