import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

/// What transactions need of the message store: a narrow port, so that their rules can be tested against a store that
/// loses its end between any two records.
package protocol TransactionStore: Sendable {
    /// The first offset of a topic's queue 0, and the one after its last readable message.
    func bounds(topic: String) -> (min: Int64, max: Int64)

    /// Reads records of a topic's queue 0 from an offset on; answers them and where to go on. No progress means that the
    /// record at the offset cannot be read.
    func readQueue(topic: String, from: Int64) -> (records: [MessageRecord], next: Int64)

    /// The record at a log offset; nil when there is none.
    func record(at logOffset: Int64) -> MessageRecord?

    /// The first record at or after a log offset that is a record's, a blank's or the log's end; nil at the end.
    func nextRecord(from logOffset: Int64) -> (record: MessageRecord, next: Int64)?

    /// Appends a message; the completion runs on any thread.
    func append(_ message: StoreMessage, completion: @escaping @Sendable (AppendOutcome) -> Void)

    /// The first offset of the log, and its end.
    var logBounds: (min: Int64, end: Int64) { get }
}

/// The message store as transactions see it.
struct BrokerTransactionStore: TransactionStore {
    private let store: MessageStore
    private let logFileBytes: Int64
    private static let readCountMax = 256
    private static let readBytesMax = 1 << 20

    init(store: MessageStore, logFileBytes: Int) {
        self.store = store
        self.logFileBytes = Int64(logFileBytes)
    }

    func bounds(topic: String) -> (min: Int64, max: Int64) {
        (store.minOffset(topic: topic, queueId: 0), store.maxOffset(topic: topic, queueId: 0))
    }

    func readQueue(topic: String, from: Int64) -> (records: [MessageRecord], next: Int64) {
        var buffer = ByteBuffer()
        let result = store.read(
            topic: topic, queueId: 0, from: from, maxCount: Self.readCountMax, maxBytes: Self.readBytesMax,
            into: &buffer)
        let records = result.records.compactMap { MessageRecord(buffer, range: $0.range) }
        return (records, max(from, result.nextOffset))
    }

    func record(at logOffset: Int64) -> MessageRecord? {
        var buffer = ByteBuffer()
        guard store.readRecord(logOffset: logOffset, into: &buffer) else { return nil }
        return try? MessageRecord(buffer)
    }

    func nextRecord(from logOffset: Int64) -> (record: MessageRecord, next: Int64)? {
        let end = store.maxLogOffset
        var offset = max(logOffset, store.minLogOffset)
        while offset < end {
            if let record = record(at: offset) { return (record, offset + Int64(record.byteCount)) }
            // A blank, or a damaged record, after which nothing can be found before the next file.
            offset = (offset / logFileBytes + 1) * logFileBytes
        }
        return nil
    }

    func append(_ message: StoreMessage, completion: @escaping @Sendable (AppendOutcome) -> Void) {
        store.append(message, completion: completion)
    }

    var logBounds: (min: Int64, end: Int64) { (store.minLogOffset, store.maxLogOffset) }
}
