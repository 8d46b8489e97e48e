import MessageModel
import NIOConcurrencyHelpers
import NIOCore

/// Takes over the log of a master, byte for byte, and has what it holds dispatched to queues and index.
///
/// Bytes come in pieces that end anywhere: a record is dispatched when its last byte is there. What a master deletes is not
/// in its log; its table of deleted topics comes besides, and may come after messages of a topic's next life.
package final class LogReceiver: Sendable {
    private struct State {
        /// Records before are dispatched.
        var scannedOffset: Int64
        /// Where no record could be read, the next is not looked for before the log reaches this offset.
        var searchFrom: Int64 = 0
        /// End of the last record that went to dispatch.
        var dispatchedEnd: Int64 = 0
    }

    private let store: MessageStore
    private let state: NIOLockedValueBox<State>
    // Held while bytes or deletions come in, so that each sees the queues as the other left them.
    private let working = NIOLock()
    /// Between two searches for a good record behind damage.
    private static let searchBytes: Int64 = 1 << 20
    private static let dispatchWaitMillis: Int64 = 10_000

    /// A receiver for an open store that nobody else appends to.
    package init(store: MessageStore) {
        self.store = store
        state = NIOLockedValueBox(State(scannedOffset: store.maxLogOffset))
    }

    /// Appends bytes of the master's log that lie in one file there, the next ones of this log. Waits for the disk.
    package func receive(_ bytes: ByteBuffer, at offset: Int64) throws(StoreError) {
        working.lock()
        defer { working.unlock() }
        let isFirst = store.segments.all.isEmpty
        try store.log.appendReplicated(bytes, at: offset, nowMillis: store.clock.nowMillis)
        if isFirst { state.withLockedValue { $0.scannedOffset = offset } }
        try scan(to: offset + Int64(bytes.readableBytes))
    }

    /// Takes over the master's table of deleted topics, in the form of its file. Every record that it may be about is in
    /// the log already.
    package func adoptDeletedTopics(_ bytes: [UInt8]) throws(StoreError) {
        guard let table = Tombstones.decode(bytes) else {
            throw StoreError(.refused, "the master's table of deleted topics is damaged")
        }
        working.lock()
        defer { working.unlock() }
        let dispatchedEnd = state.withLockedValue { $0.dispatchedEnd }
        guard store.waitUntilDispatched(dispatchedEnd, timeoutMillis: Self.dispatchWaitMillis) else {
            throw StoreError(.busy, "messages wait to be dispatched")
        }
        for (topic, end) in try store.queues.tombstones.adopt(table).sorted(by: { $0.key < $1.key }) {
            try store.queues.removeQueues(of: topic, endedBefore: end)
        }
    }

    // MARK: Records

    private func scan(to end: Int64) throws(StoreError) {
        var offset = state.withLockedValue { $0.scannedOffset }
        var records: [CommitLog.Pending] = []
        while offset < end, let segment = store.segments.segment(at: offset) {
            guard let next = try scanRecord(at: offset, in: segment, end: end, &records) else { break }
            offset = next
        }
        state.withLockedValue { state in
            state.scannedOffset = offset
            if let last = records.last { state.dispatchedEnd = last.end }
        }
        if let last = records.last {
            store.log.dispatchReplicated(records, newestTimestampMillis: last.storeTimestampMillis)
        }
    }

    /// Where the next record begins; nil while this one is not there as a whole.
    private func scanRecord(
        at offset: Int64, in segment: LogSegment, end: Int64, _ records: inout [CommitLog.Pending]
    ) throws(StoreError) -> Int64? {
        // Too near to the end of the file for any record.
        guard segment.end - offset >= Int64(RecordLayout.blankBytes) else { return segment.end }
        guard end - offset >= Int64(RecordLayout.blankBytes) else { return nil }
        let (size, isBlank) = try segment.recordHead(at: offset)
        if isBlank { return segment.end }
        if size > 0, offset + Int64(size) <= segment.end, offset + Int64(size) > end { return nil }
        var messages: [DispatchedMessage] = []
        var reading = RecordHeader.Reading.invalid(size: nil)
        try segment.withRecord(at: offset) { [delayLevels = store.configuration.delayLevels] bytes in
            reading = RecordHeader.read(bytes, checksBody: false)
            if case .record(let header) = reading, header.logOffset == offset, header.isQueued, header.hasPlace {
                messages = header.dispatchedToAll(bytes, at: offset, delayLevels: delayLevels)
            }
        }
        switch reading {
        case .record(let header) where header.logOffset == offset:
            for message in messages {
                if let record = try pending(message) { records.append(record) }
            }
            return offset + Int64(header.size)
        case .blank: return segment.end
        case .record, .invalid: return try stepOver(offset, end: end)
        }
    }

    /// The next good record behind what cannot be read, which the master could not either.
    private func stepOver(_ offset: Int64, end: Int64) throws(StoreError) -> Int64? {
        guard end >= state.withLockedValue({ $0.searchFrom }) else { return nil }
        if let next = try RecordSearch(segments: store.segments).next(after: offset), next < end { return next }
        state.withLockedValue { $0.searchFrom = end + Self.searchBytes }
        return nil
    }

    /// A message on its way to its queue; nil when it goes to none.
    private func pending(_ message: DispatchedMessage) throws(StoreError) -> CommitLog.Pending? {
        let queues = store.queues
        if queues.isBatchTopic(message.topic)
            || queues.tombstones.covers(topic: message.topic, logOffset: message.logOffset)
        {
            return nil
        }
        var queue = queues.queue(topic: message.topic, queueId: message.queueId)
        if message.queueOffset < store.log.state.withLock({ _ in queue.nextOffset }) {
            // Queue offsets only ever go back when a topic was deleted and made again.
            _ = try queues.delete {
                store.log.state.withLock { _ in queues.detach(topic: message.topic) }
                return ([message.topic], message.logOffset)
            }
            queue = queues.queue(topic: message.topic, queueId: message.queueId)
        }
        store.log.state.withLock { _ in queue.nextOffset = message.queueOffset + 1 }
        return CommitLog.Pending(
            queue: queue, queueOffset: message.queueOffset, logOffset: message.logOffset, size: message.size,
            tagsCode: message.tagsCode, storeTimestampMillis: message.storeTimestampMillis)
    }
}
