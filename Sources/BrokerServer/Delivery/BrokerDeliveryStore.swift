import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

/// The message store as the delivery service sees it.
package struct BrokerDeliveryStore: DeliveryStore {
    private let store: MessageStore
    private let storeHost: SocketHost
    private let statistics: BrokerStatistics?
    private let nowMillis: @Sendable () -> Int64

    /// Messages that delivery writes bear `storeHost` as their broker's address.
    package init(
        store: MessageStore, storeHost: SocketHost, statistics: BrokerStatistics? = nil,
        nowMillis: @escaping @Sendable () -> Int64
    ) {
        self.store = store
        self.statistics = statistics
        self.storeHost = storeHost
        self.nowMillis = nowMillis
    }

    /// As the store has them.
    package func bounds(topic: String, queueID: Int32) -> (min: Int64, max: Int64) {
        (store.minOffset(topic: topic, queueId: queueID), store.maxOffset(topic: topic, queueId: queueID))
    }

    /// As the message says.
    package func storedMillis(topic: String, queueID: Int32, offset: Int64) -> Int64? {
        store.storeTimestamp(topic: topic, queueId: queueID, queueOffset: offset)
    }

    /// Reads from the store; a queue or offset that is not there gives nothing.
    package func readRecords(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, into buffer: inout ByteBuffer,
        matching: ((Int64) -> Bool)?, accepting: ((UnsafeRawBufferPointer) -> Bool)?
    ) -> RecordBatch {
        let start = NIODeadline.now()
        let result = store.read(
            topic: topic, queueId: queueID, from: from, maxCount: maxCount, maxBytes: maxBytes, into: &buffer,
            matching: matching, accepting: accepting)
        statistics?.countRead(found: !result.records.isEmpty, nanos: (NIODeadline.now() - start).nanoseconds)
        let nextOffset: Int64
        switch result.status {
        case .found, .noMatchedMessage, .messageWasRemoving: nextOffset = result.nextOffset
        // Where the store would have a puller go on; what lies between was not read, and must not count as such.
        case .offsetFoundNull, .offsetOverflowBadly, .offsetOverflowOne, .offsetTooSmall, .noMatchedLogicQueue,
            .noMessageInQueue:
            nextOffset = from
        }
        return RecordBatch(
            records: result.records.map { slot in
                RecordBatch.Record(
                    queueOffset: slot.queueOffset, logOffset: slot.logOffset, tagsCode: slot.tagsCode, range: slot.range
                )
            }, nextOffset: nextOffset)
    }

    /// As the system knows its memory.
    package func isCold(topic: String, queueID: Int32, from: Int64, maxCount: Int, filter: MessageFilter) -> Bool {
        store.readMayBlock(
            topic: topic, queueId: queueID, from: from, maxCount: maxCount, matching: filter.tagTest,
            filters: filter.recordTest != nil)
    }

    /// Reads and forgets: what is read stays in the page cache for a while.
    package func warm(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, filter: MessageFilter
    ) -> (bytes: Int, nextOffset: Int64) {
        var buffer = ByteBuffer()
        let result = store.read(
            topic: topic, queueId: queueID, from: from, maxCount: maxCount, maxBytes: maxBytes, into: &buffer,
            matching: filter.tagTest, accepting: filter.recordTest)
        return (buffer.readableBytes, max(from, result.nextOffset))
    }

    /// Flushes the log.
    package func synchronize() -> Bool { (try? store.synchronize()) != nil }

    /// Appends to the store, for queue 0.
    package func appendRecord(
        _ record: NewRecord, completion: @escaping @Sendable (Result<Int64, DeliveryStoreError>) -> Void
    ) {
        let original = record.original
        let message = StoreMessage(
            topic: record.topic, queueId: 0, flag: original?.flag ?? 0, sysFlag: original?.sysFlag ?? [],
            bornTimestampMillis: original?.bornTimestampMillis ?? nowMillis(),
            bornHost: original.map { SocketHost(bytes: $0.bornHost.address, port: $0.bornHost.port) } ?? storeHost,
            storeHost: storeHost, reconsumeTimes: original?.reconsumeTimes ?? 0,
            properties: ByteBuffer(string: record.properties), body: record.body)
        store.append(message, isDurable: record.isDurable) { outcome in
            switch outcome {
            case .stored(let receipt): completion(.success(receipt.queueOffset))
            case .failed(let error): completion(.failure(DeliveryStoreError("\(error)")))
            }
        }
    }
}
