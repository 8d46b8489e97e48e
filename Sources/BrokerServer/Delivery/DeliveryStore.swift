import NIOCore
import RemotingCodec

/// What delivery needs of the message store: a narrow port, so that its rules can be tested against a store that fails
/// on demand.
package protocol DeliveryStore: Sendable {
    /// The first offset of a queue, and the one after its last readable message.
    func bounds(topic: String, queueID: Int32) -> (min: Int64, max: Int64)

    /// When the message at an offset was stored, milliseconds since 1970; nil when there is none.
    func storedMillis(topic: String, queueID: Int32, offset: Int64) -> Int64?

    /// Reads records that pass `matching`, which gets the tag's hash, and `accepting`, which gets the record, from an
    /// offset on, to the end of the buffer.
    func readRecords(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, into buffer: inout ByteBuffer,
        matching: ((Int64) -> Bool)?, accepting: ((UnsafeRawBufferPointer) -> Bool)?
    ) -> RecordBatch

    /// Whether reading so many records that pass a filter, from an offset on, may have to wait for the disk.
    func isCold(topic: String, queueID: Int32, from: Int64, maxCount: Int, filter: MessageFilter) -> Bool

    /// Brings records that pass a filter into memory, waiting for the disk; returns how many bytes, and the offset after the
    /// last that was looked at. The first comes whatever its size.
    func warm(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, filter: MessageFilter
    ) -> (bytes: Int, nextOffset: Int64)

    /// Makes everything appended so far durable, waiting for the disk; false when that failed.
    func synchronize() -> Bool

    /// Appends a message to queue 0 of its topic; the completion gets its offset in that queue, on any thread.
    func appendRecord(
        _ record: NewRecord, completion: @escaping @Sendable (Result<Int64, DeliveryStoreError>) -> Void)
}

extension DeliveryStore {
    /// Stores in memory have nothing to wait for.
    package func isCold(topic: String, queueID: Int32, from: Int64, maxCount: Int, filter: MessageFilter) -> Bool {
        false
    }

    /// Stores in memory have nothing to bring in.
    package func warm(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, filter: MessageFilter
    ) -> (bytes: Int, nextOffset: Int64) { (0, from) }

    /// Reads records that pass `matching`, whatever else they hold.
    func readRecords(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, into buffer: inout ByteBuffer,
        matching: ((Int64) -> Bool)?
    ) -> RecordBatch {
        readRecords(
            topic: topic, queueID: queueID, from: from, maxCount: maxCount, maxBytes: maxBytes, into: &buffer,
            matching: matching, accepting: nil)
    }

    /// Reads one record to the end of the buffer, which stays as before when there is none.
    func readRecord(
        topic: String, queueID: Int32, offset: Int64, maxBytes: Int, into buffer: inout ByteBuffer
    ) -> RecordReading {
        let start = buffer.writerIndex
        let read = readRecords(
            topic: topic, queueID: queueID, from: offset, maxCount: 1, maxBytes: maxBytes, into: &buffer, matching: nil)
        if let record = read.records.first, record.queueOffset == offset { return .found(record) }
        buffer.moveWriterIndex(to: start)
        // The store steps over a place that holds no message, and waits at one that it cannot read.
        return read.nextOffset > offset ? .gone : .unreadable
    }
}

/// What reading one record came to.
enum RecordReading {
    case found(RecordBatch.Record)
    /// No later read will find it: a power failure took it out of the middle of the log, or it is damaged.
    case gone
    /// The disk did not give it; it may the next time.
    case unreadable

    /// The record, if it was read.
    var record: RecordBatch.Record? { if case .found(let record) = self { record } else { nil } }
}

/// Records read from a queue.
package struct RecordBatch: Sendable {
    /// One record.
    package struct Record: Sendable {
        /// Its offset in the queue.
        package var queueOffset: Int64
        /// Its offset in the commit log.
        package var logOffset: Int64
        /// The hash of its tag.
        package var tagsCode: Int64
        /// Where it lies in the buffer, by the buffer's own indices.
        package var range: Range<Int>

        /// A record by its parts.
        package init(queueOffset: Int64, logOffset: Int64, tagsCode: Int64, range: Range<Int>) {
            self.queueOffset = queueOffset
            self.logOffset = logOffset
            self.tagsCode = tagsCode
            self.range = range
        }
    }

    /// The records, ascending.
    package var records: [Record]
    /// Everything from the start offset to before this one was read or did not match; the start offset when the read
    /// failed.
    package var nextOffset: Int64

    /// A batch by its parts.
    package init(records: [Record], nextOffset: Int64) {
        self.records = records
        self.nextOffset = nextOffset
    }
}

/// A message that delivery writes itself: changes of ledgers, and dead letters.
package struct NewRecord: Sendable {
    /// Its topic.
    package var topic: String
    /// Its properties as text.
    package var properties: String = ""
    /// Its body.
    package var body: ByteBuffer
    /// The record it is a copy of, whose other fields it keeps; nil for one of the broker's own.
    package var original: MessageRecord?
    /// It is stored once it is on the disk, however the store flushes.
    package var isDurable: Bool

    /// A message for queue 0 of a topic.
    package init(
        topic: String, properties: String = "", body: ByteBuffer, original: MessageRecord? = nil,
        isDurable: Bool = false
    ) {
        self.topic = topic
        self.properties = properties
        self.body = body
        self.original = original
        self.isDurable = isDurable
    }
}

/// Why the store refused a message.
package struct DeliveryStoreError: Error, Sendable, CustomStringConvertible {
    /// The store's words.
    package var description: String

    /// An error with its words.
    package init(_ description: String) { self.description = description }
}
