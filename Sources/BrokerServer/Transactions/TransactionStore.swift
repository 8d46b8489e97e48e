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

    /// The first record at or after a log offset, and where to go on; nil at the end of the log.
    func nextRecord(from logOffset: Int64) throws(StoreError) -> (record: MessageRecord, next: Int64)?

    /// Appends a message; the completion runs on any thread. A durable one is stored once it is on the disk, however the
    /// store flushes.
    func append(
        _ message: StoreMessage, isDurable: Bool, completion: @escaping @Sendable (AppendOutcome) -> Void)

    /// Puts what was appended so far on the disk, waiting for it; false when that failed.
    func synchronize() -> Bool

    /// The first offset of the log, up to where it is on the disk, and its end.
    var logBounds: (min: Int64, flushed: Int64, end: Int64) { get }
}

/// The message store as transactions see it.
package struct BrokerTransactionStore: TransactionStore {
    private let store: MessageStore
    private static let readCountMax = 256
    private static let readBytesMax = 1 << 20

    /// A store to see so.
    package init(store: MessageStore) {
        self.store = store
    }

    /// The ends of the queue.
    package func bounds(topic: String) -> (min: Int64, max: Int64) {
        (store.minOffset(topic: topic, queueId: 0), store.maxOffset(topic: topic, queueId: 0))
    }

    /// As many records as there are, up to a bound.
    package func readQueue(topic: String, from: Int64) -> (records: [MessageRecord], next: Int64) {
        var buffer = ByteBuffer()
        let result = store.read(
            topic: topic, queueId: 0, from: from, maxCount: Self.readCountMax, maxBytes: Self.readBytesMax,
            into: &buffer)
        let records = result.records.compactMap { MessageRecord(buffer, range: $0.range) }
        return (records, max(from, result.nextOffset))
    }

    /// Whatever lies there.
    package func record(at logOffset: Int64) -> MessageRecord? {
        var buffer = ByteBuffer()
        guard store.readRecord(logOffset: logOffset, into: &buffer) else { return nil }
        return try? MessageRecord(buffer)
    }

    /// Steps over damage.
    package func nextRecord(from logOffset: Int64) throws(StoreError) -> (record: MessageRecord, next: Int64)? {
        var from = logOffset
        var buffer = ByteBuffer()
        while let offset = try store.nextRecord(from: from, into: &buffer) {
            from = offset + Int64(buffer.readableBytes)
            if let record = try? MessageRecord(buffer) { return (record, from) }
            buffer.clear()
        }
        return nil
    }

    /// Appends to the store.
    package func append(
        _ message: StoreMessage, isDurable: Bool, completion: @escaping @Sendable (AppendOutcome) -> Void
    ) {
        store.append(message, isDurable: isDurable, completion: completion)
    }

    /// Flushes the log.
    package func synchronize() -> Bool { (try? store.synchronize()) != nil }

    /// As far as the store knows.
    package var logBounds: (min: Int64, flushed: Int64, end: Int64) {
        (store.minLogOffset, store.flushedLogOffset, store.maxLogOffset)
    }
}
