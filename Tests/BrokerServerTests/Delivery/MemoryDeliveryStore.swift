import MessageModel
import NIOConcurrencyHelpers
import NIOCore

@testable import BrokerServer

/// Queues of records in memory. It survives the services over it, as a disk does, and can be told to fail.
final class MemoryDeliveryStore: DeliveryStore {
    struct Message: Sendable {
        var bytes: ByteBuffer
        var tagsCode: Int64
        var logOffset: Int64
        var storedMillis: Int64
    }

    private struct Key: Hashable {
        var topic: String
        var queueID: Int32
    }

    private struct State {
        var queues: [Key: [Message]] = [:]
        var firstOffsets: [Key: Int64] = [:]
        var logOffset: Int64 = 0
        var failsAppends = false
        var failsFlushes = false
        /// Completions of durable records, while the disk takes its time.
        var unflushed: [@Sendable () -> Void]?
        var flushedCounts: [Key: Int] = [:]
        var unreadable: Set<Int64> = []
        var lost: [Key: Set<Int64>] = [:]
        var appends = 0
        /// Messages that are on the disk only.
        var cold: [Key: Set<Int64>] = [:]
        var coldReads = 0
        var warmed = 0
        var looks = 0
    }

    private let state = NIOLockedValueBox(State())

    func failAppends(_ fails: Bool = true) { state.withLockedValue { $0.failsAppends = fails } }
    func makeUnreadable(_ offsets: Set<Int64>) { state.withLockedValue { $0.unreadable = offsets } }
    func failFlushes(_ fails: Bool = true) { state.withLockedValue { $0.failsFlushes = fails } }
    /// Lets durable records wait until ``synchronize()``.
    func holdFlushes() { state.withLockedValue { $0.unflushed = [] } }
    /// Messages of a topic's first queue that are on the disk.
    func flushedCount(_ topic: String) -> Int {
        state.withLockedValue { $0.flushedCounts[Key(topic: topic, queueID: 0)] ?? 0 }
    }
    /// Loses messages in the middle of a queue, as a power failure does with pages that were not written in order.
    func lose(_ offsets: Set<Int64>, _ topic: String = "T", queueID: Int32 = 0) {
        state.withLockedValue { $0.lost[Key(topic: topic, queueID: queueID), default: []].formUnion(offsets) }
    }
    /// Takes messages of a queue out of memory.
    func makeCold(_ offsets: some Sequence<Int64>, _ topic: String = "T", queueID: Int32 = 0) {
        state.withLockedValue { $0.cold[Key(topic: topic, queueID: queueID), default: []].formUnion(offsets) }
    }
    /// Messages that were read although they had to be fetched from the disk first.
    var coldReadCount: Int { state.withLockedValue { $0.coldReads } }
    /// Messages that were brought into memory.
    var warmedCount: Int { state.withLockedValue { $0.warmed } }
    /// How often somebody has asked where a queue begins and ends.
    var lookCount: Int { state.withLockedValue { $0.looks } }
    var appendCount: Int { state.withLockedValue { $0.appends } }

    func messages(_ topic: String, queueID: Int32 = 0) -> [Message] {
        state.withLockedValue { $0.queues[Key(topic: topic, queueID: queueID)] ?? [] }
    }

    /// Loses the end of a queue, as a power failure does.
    func truncate(_ topic: String, queueID: Int32 = 0, to count: Int) {
        state.withLockedValue { state in
            let key = Key(topic: topic, queueID: queueID)
            state.queues[key] = state.queues[key].map { Array($0.prefix(count)) }
        }
    }

    /// Retention: everything before the offset is gone.
    func expire(_ topic: String, queueID: Int32 = 0, before offset: Int64) {
        state.withLockedValue { $0.firstOffsets[Key(topic: topic, queueID: queueID)] = offset }
    }

    func removeTopic(_ topic: String) {
        state.withLockedValue { state in state.queues = state.queues.filter { $0.key.topic != topic } }
    }

    @discardableResult
    func add(
        _ topic: String, queueID: Int32 = 0, tag: String? = nil, properties: String = "",
        body: ByteBuffer = ByteBuffer(),
        reconsumeTimes: Int32 = 0, storedMillis: Int64 = 1_001
    ) -> Int64 {
        state.withLockedValue { state in
            let key = Key(topic: topic, queueID: queueID)
            let offset = Int64(state.queues[key, default: []].count)
            var properties = properties
            if let tag { properties += "TAGS\u{1}\(tag)\u{2}" }
            let bytes = Self.record(
                topic, queueID, offset, state.logOffset, properties: properties, body: body,
                reconsumeTimes: reconsumeTimes, storedMillis: storedMillis)
            let tagsCode = tag.map { Int64(JavaHash.hashCode($0)) } ?? 0
            state.queues[key, default: []].append(
                Message(
                    bytes: bytes, tagsCode: tagsCode, logOffset: state.logOffset, storedMillis: storedMillis))
            state.logOffset += Int64(bytes.readableBytes)
            return offset
        }
    }

    private static func record(
        _ topic: String, _ queueID: Int32, _ queueOffset: Int64, _ logOffset: Int64, properties: String,
        body: ByteBuffer, reconsumeTimes: Int32, storedMillis: Int64
    ) -> ByteBuffer {
        var record = ByteBuffer()
        let size = 91 + body.readableBytes + topic.utf8.count + properties.utf8.count
        record.writeInteger(Int32(size))
        record.writeInteger(UInt32(0xDAA3_20A7))
        record.writeInteger(Int32(0))
        record.writeInteger(queueID)
        record.writeInteger(Int32(7))
        record.writeInteger(queueOffset)
        record.writeInteger(logOffset)
        record.writeInteger(Int32(0))
        record.writeInteger(Int64(1_000))
        record.writeBytes([127, 0, 0, 1, 0, 0, 0, 9])
        record.writeInteger(storedMillis)
        record.writeBytes([127, 0, 0, 1, 0, 0, 42, 159])
        record.writeInteger(reconsumeTimes)
        record.writeInteger(Int64(0))
        record.writeInteger(Int32(body.readableBytes))
        record.writeImmutableBuffer(body)
        record.writeInteger(UInt8(topic.utf8.count))
        record.writeString(topic)
        record.writeInteger(UInt16(properties.utf8.count))
        record.writeString(properties)
        return record
    }

    // MARK: DeliveryStore

    func bounds(topic: String, queueID: Int32) -> (min: Int64, max: Int64) {
        state.withLockedValue { state in
            let key = Key(topic: topic, queueID: queueID)
            state.looks += 1
            return (state.firstOffsets[key] ?? 0, Int64(state.queues[key]?.count ?? 0))
        }
    }

    func storedMillis(topic: String, queueID: Int32, offset: Int64) -> Int64? {
        let messages = messages(topic, queueID: queueID)
        return messages.indices.contains(Int(offset)) ? messages[Int(offset)].storedMillis : nil
    }

    func readRecords(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, into buffer: inout ByteBuffer,
        matching: ((Int64) -> Bool)?, accepting: ((UnsafeRawBufferPointer) -> Bool)?
    ) -> RecordBatch {
        let key = Key(topic: topic, queueID: queueID)
        let (messages, unreadable, lost) = state.withLockedValue { state in
            (state.queues[key] ?? [], state.unreadable, state.lost[key] ?? [])
        }
        var batch = RecordBatch(records: [], nextOffset: from)
        var bytes = 0
        while batch.records.count < maxCount, batch.nextOffset < messages.count {
            let message = messages[Int(batch.nextOffset)]
            guard !unreadable.contains(batch.nextOffset) else { break }
            let passes =
                !lost.contains(batch.nextOffset) && (matching?(message.tagsCode) ?? true)
                && (accepting.map { message.bytes.withUnsafeReadableBytes($0) } ?? true)
            if passes {
                guard batch.records.isEmpty || bytes + message.bytes.readableBytes <= maxBytes else { break }
                let start = buffer.writerIndex
                buffer.writeImmutableBuffer(message.bytes)
                bytes += message.bytes.readableBytes
                batch.records.append(
                    RecordBatch.Record(
                        queueOffset: batch.nextOffset, logOffset: message.logOffset, tagsCode: message.tagsCode,
                        range: start..<buffer.writerIndex))
            }
            batch.nextOffset += 1
        }
        let seen = seen(topic, queueID, from..<batch.nextOffset, matching)
        state.withLockedValue { state in
            let cold = state.cold[Key(topic: topic, queueID: queueID)] ?? []
            state.coldReads += seen.count { cold.contains($0) }
        }
        return batch
    }

    /// The messages whose bytes a read of some offsets looks at.
    private func seen(
        _ topic: String, _ queueID: Int32, _ offsets: Range<Int64>, _ matching: ((Int64) -> Bool)?
    ) -> [Int64] {
        let messages = messages(topic, queueID: queueID)
        return offsets.filter { messages.indices.contains(Int($0)) && (matching?(messages[Int($0)].tagsCode) ?? true) }
    }

    func isCold(topic: String, queueID: Int32, from: Int64, maxCount: Int, filter: MessageFilter) -> Bool {
        let all = from..<max(from, Int64(messages(topic, queueID: queueID).count))
        let seen = seen(topic, queueID, all, filter.tagTest)
        let cold = state.withLockedValue { $0.cold[Key(topic: topic, queueID: queueID)] ?? [] }
        return seen.prefix(filter.recordTest == nil ? maxCount : .max).contains { cold.contains($0) }
    }

    func warm(
        topic: String, queueID: Int32, from: Int64, maxCount: Int, maxBytes: Int, filter: MessageFilter
    ) -> (bytes: Int, nextOffset: Int64) {
        var buffer = ByteBuffer()
        let coldReads = coldReadCount
        let batch = readRecords(
            topic: topic, queueID: queueID, from: from, maxCount: maxCount, maxBytes: maxBytes, into: &buffer,
            matching: filter.tagTest, accepting: filter.recordTest)
        let seen = seen(topic, queueID, from..<batch.nextOffset, filter.tagTest)
        state.withLockedValue { state in
            state.coldReads = coldReads
            for offset in seen { state.cold[Key(topic: topic, queueID: queueID)]?.remove(offset) }
            state.warmed += seen.count
        }
        return (buffer.readableBytes, batch.nextOffset)
    }

    func appendRecord(
        _ record: NewRecord, completion: @escaping @Sendable (Result<Int64, DeliveryStoreError>) -> Void
    ) {
        let fails = state.withLockedValue { state in
            state.appends += 1
            return state.failsAppends
        }
        guard !fails else { return completion(.failure(DeliveryStoreError("the disk is full"))) }
        let offset = add(
            record.topic, properties: record.properties, body: record.body,
            reconsumeTimes: record.original?.reconsumeTimes ?? 0)
        let isHeld = state.withLockedValue { state in
            guard record.isDurable, state.unflushed != nil else { return false }
            state.unflushed?.append { completion(.success(offset)) }
            return true
        }
        if !isHeld { completion(.success(offset)) }
    }

    func synchronize() -> Bool {
        let held = state.withLockedValue { state -> [@Sendable () -> Void]? in
            guard !state.failsFlushes else { return nil }
            state.flushedCounts = state.queues.mapValues(\.count)
            defer { state.unflushed = nil }
            return state.unflushed ?? []
        }
        for complete in held ?? [] { complete() }
        return held != nil
    }
}
