import NIOCore

/// Which message is meant by a time that lies between those of two messages, or that several share.
package enum TimeBoundary: String, Sendable {
    /// The first message stored at the time or later; behind the last one when there is none.
    case lower
    /// The last message stored at the time or earlier; the first one when there is none.
    case upper
}

extension MessageStore {
    /// The messages of a topic with a key, oldest first: their records are appended to `buffer`. Waits for the disk.
    ///
    /// Without an index (`messageIndexEnable=false`) nothing is found.
    package func messages(_ query: KeyQuery, into buffer: inout ByteBuffer) throws(StoreError) -> KeyQueryResult {
        try index?.query(query, into: &buffer) ?? KeyQueryResult()
    }

    /// Appends the record at a log offset to `buffer`, after checking that it is one, whole and at its own place: the
    /// offset may come from anywhere. False when there is none. Waits for the disk.
    package func checkedRecord(logOffset: Int64, into buffer: inout ByteBuffer) -> Bool {
        var record = ByteBuffer()
        guard readRecord(logOffset: logOffset, into: &record) else { return false }
        let isRecord = record.withUnsafeReadableBytes { bytes in
            if case .record(let header) = RecordHeader.read(bytes, checksBody: true) {
                return header.logOffset == logOffset
            }
            return false
        }
        if isRecord { buffer.writeImmutableBuffer(record) }
        return isRecord
    }

    /// The offset that a time means in a queue; 0 for a queue that does not exist. Waits for the disk.
    package func offset(
        topic: String, queueId: Int32, timestampMillis: Int64, boundary: TimeBoundary = .lower
    ) -> Int64 {
        guard let bounds = queues.find(topic: topic, queueId: queueId)?.bounds else { return 0 }
        // Behind the messages of the time itself when it is an upper boundary.
        let isPast = { (stored: Int64) in boundary == .lower ? stored >= timestampMillis : stored > timestampMillis }
        var (low, high) = bounds
        while low < high {
            let middle = (low + high) / 2
            // A message that has gone was stored before all others.
            let stored = storeTimestamp(topic: topic, queueId: queueId, queueOffset: middle) ?? .min
            if isPast(stored) { high = middle } else { low = middle + 1 }
        }
        return boundary == .upper && low > bounds.min ? low - 1 : low
    }

    /// Bytes of the log that the key index does not have yet.
    package var indexBehindBytes: Int64 { index?.behindBytes ?? 0 }
    /// Why the key index does not grow at the moment; nil when all is well.
    package var indexFailure: StoreError? { index?.failure }
}
