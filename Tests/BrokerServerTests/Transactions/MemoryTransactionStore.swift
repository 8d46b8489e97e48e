import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec

@testable import BrokerServer
@testable import StorageEngine

/// A log in memory. It survives the services over it and can be cut after any record, as a crash does.
final class MemoryTransactionStore: TransactionStore {
    private struct State {
        var log: [MessageRecord] = []
        var end: Int64 = 0
        var minLogOffset: Int64 = 0
        var queueEnds: [String: Int64] = [:]
        var failingTopics: Set<String> = []
        var slowTopics: Set<String> = []
        var stalledTopics: Set<String> = []
        var crashesAfter = Int.max
        /// Nothing reaches the disk but by ``MemoryTransactionStore/synchronize()``.
        var isHeld = false
        /// Completions that wait for it: of durable records, and of records of the topics that are stalled.
        var held: [@Sendable () -> Void] = []
        var flushed: Int64 = 0
        /// What was on the disk when each record came.
        var flushedBefore: [Int64] = []
    }

    private let state: NIOLockedValueBox<State>
    private let nowMillis: @Sendable () -> Int64

    init(nowMillis: @escaping @Sendable () -> Int64) {
        state = NIOLockedValueBox(State())
        self.nowMillis = nowMillis
    }

    /// The records of a topic, in the log's order.
    func records(_ topic: String) -> [MessageRecord] {
        state.withLockedValue { $0.log.filter { $0.topic == topic } }
    }

    var count: Int { state.withLockedValue { $0.log.count } }

    func failAppends(to topics: Set<String>) { state.withLockedValue { $0.failingTopics = topics } }

    /// Appends to these topics are told to take too long, though they are in the log.
    func timeOutAppends(to topics: Set<String>) { state.withLockedValue { $0.slowTopics = topics } }

    /// Appends to these topics are answered by ``synchronize()``.
    func stallAppends(to topics: Set<String>) { state.withLockedValue { $0.stalledTopics = topics } }

    /// Appends after that many records vanish without an answer.
    func crash(after count: Int) { state.withLockedValue { $0.crashesAfter = count } }

    /// Has the disk take its time, until ``synchronize()``.
    func holdFlushes() { state.withLockedValue { $0.isHeld = true } }

    /// Records up to a count that were not on the disk when the last of them came, and those that were.
    func unflushed(count: Int) -> (lost: Range<Int>, end: Int64) {
        state.withLockedValue { state in
            let end = count > 0 ? state.flushedBefore[count - 1] : 0
            return ((state.log.prefix(count).firstIndex { $0.logOffset >= end } ?? count)..<count, end)
        }
    }

    /// A store without one of the records up to a count, which a loss of power took.
    func survivor(count: Int, without lost: Int) -> MemoryTransactionStore {
        let copy = MemoryTransactionStore(nowMillis: nowMillis)
        for (index, record) in state.withLockedValue({ $0.log }).prefix(count).enumerated() where index != lost {
            copy.add(record)
        }
        return copy
    }

    /// A store with the same records, up to a count.
    func survivor(count: Int = .max) -> MemoryTransactionStore {
        let copy = MemoryTransactionStore(nowMillis: nowMillis)
        for record in state.withLockedValue({ $0.log }).prefix(count) { copy.add(record) }
        return copy
    }

    /// Adds a record as it is.
    func add(_ record: MessageRecord) {
        state.withLockedValue { state in
            state.log.append(record)
            state.end = record.logOffset + Int64(record.byteCount)
            state.queueEnds[record.topic] = max(state.queueEnds[record.topic] ?? 0, record.queueOffset + 1)
        }
    }

    /// Retention deleted the beginning.
    func expire(before logOffset: Int64) {
        state.withLockedValue { state in
            state.minLogOffset = logOffset
            state.log.removeAll { $0.logOffset < logOffset }
        }
    }

    // MARK: TransactionStore

    func bounds(topic: String) -> (min: Int64, max: Int64) {
        state.withLockedValue { state in
            let end = state.queueEnds[topic] ?? 0
            return (state.log.first { $0.topic == topic }?.queueOffset ?? end, end)
        }
    }

    func readQueue(topic: String, from: Int64) -> (records: [MessageRecord], next: Int64) {
        let records = records(topic).filter { $0.queueOffset >= from }.prefix(3)
        return (Array(records), records.last.map { $0.queueOffset + 1 } ?? from)
    }

    func record(at logOffset: Int64) -> MessageRecord? {
        state.withLockedValue { state in state.log.first { $0.logOffset == logOffset } }
    }

    func nextRecord(from logOffset: Int64) -> (record: MessageRecord, next: Int64)? {
        state.withLockedValue { state in
            state.log.first { $0.logOffset >= logOffset }.map { ($0, $0.logOffset + Int64($0.byteCount)) }
        }
    }

    func append(
        _ message: StoreMessage, isDurable: Bool, completion: @escaping @Sendable (AppendOutcome) -> Void
    ) {
        let now = nowMillis()
        let outcome = state.withLockedValue { state -> AppendOutcome? in
            guard state.log.count < state.crashesAfter else { return nil }
            guard !state.failingTopics.contains(message.topic) else {
                return .failed(StoreError(.diskFull, "the disk is full"))
            }
            let queueOffset = state.queueEnds[message.topic] ?? 0
            let bytes = Self.encode(message, queueOffset: queueOffset, logOffset: state.end, storedMillis: now)
            guard let record = try? MessageRecord(bytes) else { return nil }
            state.log.append(record)
            state.flushedBefore.append(state.flushed)
            state.queueEnds[message.topic] = queueOffset + 1
            defer { state.end += Int64(record.byteCount) }
            let outcome = AppendOutcome.stored(
                AppendReceipt(
                    logOffset: state.end, queueOffset: queueOffset, size: Int32(record.byteCount), count: 1,
                    storeTimestampMillis: now, logOffsets: []))
            if state.slowTopics.contains(message.topic) {
                return .failed(StoreError(.flushTimeout, "the disk took too long"))
            }
            guard (isDurable && state.isHeld) || state.stalledTopics.contains(message.topic) else { return outcome }
            state.held.append { completion(outcome) }
            return nil
        }
        if let outcome { completion(outcome) }
    }

    var logBounds: (min: Int64, flushed: Int64, end: Int64) {
        state.withLockedValue { ($0.minLogOffset, $0.isHeld ? $0.flushed : $0.end, $0.end) }
    }

    func synchronize() -> Bool {
        let held = state.withLockedValue { state in
            defer { state.held = [] }
            state.flushed = state.end
            return state.held
        }
        for completion in held { completion() }
        return true
    }

    private static func encode(
        _ message: StoreMessage, queueOffset: Int64, logOffset: Int64, storedMillis: Int64
    ) -> ByteBuffer {
        var record = ByteBuffer()
        record.writeMultipleIntegers(Int32(0), UInt32(0xDAA3_20A7), Int32(0), message.queueId, message.flag)
        record.writeMultipleIntegers(
            queueOffset, logOffset, message.sysFlag.rawValue, message.bornTimestampMillis)
        record.writeBytes(message.bornHost.bytes)
        record.writeMultipleIntegers(message.bornHost.port, storedMillis)
        record.writeBytes(message.storeHost.bytes)
        record.writeMultipleIntegers(
            message.storeHost.port, message.reconsumeTimes, message.preparedTransactionOffset,
            Int32(message.body.readableBytes))
        record.writeImmutableBuffer(message.body)
        record.writeInteger(UInt8(message.topic.utf8.count))
        record.writeString(message.topic)
        record.writeInteger(UInt16(message.properties.readableBytes))
        record.writeImmutableBuffer(message.properties)
        record.setInteger(Int32(record.readableBytes), at: 0)
        return record
    }
}
